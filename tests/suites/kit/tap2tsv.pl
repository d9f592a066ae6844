#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Reads what one program printed and writes one line `case<TAB>outcome` per
# top-level TAP point, by way of Perl's TAP::Parser, which prove uses and which
# shares no code with paddock. A last line `main<TAB>…` says what TAP alone
# makes of the program: pass, skip (a plan of 1..0), fail (bad plan, syntax,
# bail-out) or none (not one line of TAP). Failed points do not make it fail: they
# have lines of their own.
#
# usage: tap2tsv.pl FILE

use strict;
use warnings;
use TAP::Parser;

binmode STDOUT, ':raw';

my ($file) = @ARGV or die "usage: $0 FILE\n";
open my $in, '<:raw', $file or die "$file: $!\n";
my $text = do { local $/; <$in> };
close $in;

my %seen;
my $bailed = 0;

sub outcome {
	my ($point) = @_;
	return 'skip' if $point->has_skip;
	return 'skip' if $point->has_todo && !$point->is_actual_ok;
	return $point->is_ok ? 'pass' : 'fail';
}

sub name {
	my ($point) = @_;
	my $name = $point->description;
	$name =~ s/^- //;
	$name =~ s/ # time=[0-9.]+m?s$//;	# tap@12 puts it where a directive goes
	$name =~ s/^\s+|\s+$//g;
	$name =~ s/\t/\\t/g;
	$name = $point->number if $name eq '';
	my $count = ++$seen{$name};
	return $count > 1 ? "$name#$count" : $name;
}

if ($text !~ /^(?:ok|not ok|Bail out!|1\.\.)/m) {
	print "main\tnone\n";
	exit 0;
}
# Without a version line TAP::Parser leaves YAML blocks alone. With one it reads
# them by a subset of YAML that tap's own diagnostics exceed, and loses the rest
# of the stream. All their lines are indented, so no point can hide in one.
$text =~ s/^TAP version 1[34][ \t]*\r?\n//mg;
my $parser = TAP::Parser->new({ tap => $text });
while (my $result = $parser->next) {
	$bailed = 1 if $result->is_bailout;
	next unless $result->is_test;
	print name($result), "\t", outcome($result), "\n";
}
my $main = 'pass';
$main = 'fail' if $parser->parse_errors || !$parser->is_good_plan || $bailed;
$main = 'skip' if $main eq 'pass' && $parser->skip_all;
print "main\t$main\n";

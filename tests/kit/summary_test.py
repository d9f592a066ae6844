#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The closing line of tests/check is honest: failures, tests that did not run and skips nobody excused all count."""

import contextlib
import io
import os
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import summary  # noqa: E402

JUNIT = """<testsuite>
<testcase name="unit/a" status="run"><system-out>fine</system-out></testcase>
<testcase name="unit/b" status="fail"><failure message="Timeout"/><system-out>slow</system-out></testcase>
<testcase name="box/c" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/><system-out>x
no user namespaces
</system-out></testcase>
<testcase name="unit/d" status="notrun"><skipped message="Unable to find executable"/></testcase>
<testcase name="unit/e" status="disabled"></testcase>
</testsuite>"""


class Summary(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def file(self, name, text):
        path = os.path.join(self.folder.name, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def run_it(self, verb, *args):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = summary.main(["summary", verb, *args])
        return code, out.getvalue()

    def report(self, skips, results):
        return self.run_it("report", self.file("skips", skips), self.file("results", results))

    def test_collect_reads_every_kind_of_end(self):
        code, out = self.run_it("collect", "asan:", self.file("x.xml", JUNIT))
        self.assertEqual(code, 0)
        rows = [line.split("\t") for line in out.splitlines()]
        self.assertEqual([r[:2] for r in rows], [["asan:unit/a", "pass"], ["asan:unit/b", "fail"], ["asan:box/c", "skip"],
                                                 ["asan:unit/d", "fail"], ["asan:unit/e", "fail"]])
        self.assertEqual(rows[2][2], "no user namespaces")
        self.assertIn("Unable to find executable", rows[3][2])

    def test_an_excused_skip_is_a_skip(self):
        code, out = self.report("box/*\tuser namespaces\tlocked kernels\n", "unit/a\tpass\t\nasan:box/c\tskip\tno user namespaces\n")
        self.assertEqual((code, out.splitlines()[-1]), (0, "1 passed, 0 failed, 1 skipped"))

    def test_another_reason_is_a_failure(self):
        code, out = self.report("box/*\tuser namespaces\tlocked kernels\n", "unit/a\tpass\t\nbox/c\tskip\tno bash\n")
        self.assertEqual((code, out.splitlines()[-1]), (1, "1 passed, 1 failed, 0 skipped"))

    def test_a_failure_fails(self):
        code, out = self.report("", "unit/a\tpass\t\nunit/b\tfail\tTimeout\n")
        self.assertEqual((code, out.splitlines()[-1]), (1, "1 passed, 1 failed, 0 skipped"))
        self.assertIn("FAIL unit/b: Timeout", out)

    def test_nothing_run_is_a_failure(self):
        code, out = self.report("", "")
        self.assertEqual((code, out.splitlines()[-1]), (1, "0 passed, 1 failed, 0 skipped"))

    def test_an_excuse_without_a_reason_is_refused(self):
        with self.assertRaises(SystemExit):
            self.report("box/*\n", "unit/a\tpass\t\n")


if __name__ == "__main__":
    unittest.main()

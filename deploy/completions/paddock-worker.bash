# bash completion for paddock-worker, made of its option table; do not edit.
_paddock_worker()
{
	local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
	local verb= options=--help
	case $previous in
	--coordinator)
		:
		return
		;;
	--slots)
		:
		return
		;;
	--tag)
		:
		return
		;;
	--name)
		:
		return
		;;
	--state)
		compopt -o filenames
		COMPREPLY=($(compgen -d -- "$word"))
		return
		;;
	--token)
		compopt -o filenames
		COMPREPLY=($(compgen -f -- "$word"))
		return
		;;
	--trust)
		compopt -o filenames
		COMPREPLY=($(compgen -f -- "$word"))
		return
		;;
	--drain-timeout)
		:
		return
		;;
	--cache-quota)
		:
		return
		;;
	--log-format)
		COMPREPLY=($(compgen -W "text json" -- "$word"))
		return
		;;
	--completion)
		COMPREPLY=($(compgen -W "bash zsh fish" -- "$word"))
		return
		;;
	esac
	case $verb in
	'') options="--help --coordinator --slots --tag --name --state --token --trust --drain-timeout --cache-quota --insecure --no-insecure --log-format --verbose --no-verbose --version --no-version --completion" ;;
	esac
	case $word in
	-*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;
	*)
		compopt -o filenames
		COMPREPLY=($(compgen -f -- "$word"))
		;;
	esac
}
complete -F _paddock_worker paddock-worker

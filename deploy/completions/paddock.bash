# bash completion for paddock, made of its option table; do not edit.
_paddock()
{
	local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
	local verb=${COMP_WORDS[1]} options=--help
	case $previous in
	--filterset | -E)
		:
		return
		;;
	--partition)
		:
		return
		;;
	--rerun)
		:
		return
		;;
	--kind)
		:
		return
		;;
	--no-tests)
		COMPREPLY=($(compgen -W "fail warn pass" -- "$word"))
		return
		;;
	--jobs | -j)
		:
		return
		;;
	--coordinator)
		:
		return
		;;
	--token)
		compopt -o filenames
		COMPREPLY=($(compgen -f -- "$word"))
		return
		;;
	--ship)
		COMPREPLY=($(compgen -W "auto always never" -- "$word"))
		return
		;;
	--retries)
		:
		return
		;;
	--max-fail)
		:
		return
		;;
	--timeout)
		:
		return
		;;
	--slow-timeout)
		:
		return
		;;
	--grace)
		:
		return
		;;
	--global-timeout)
		:
		return
		;;
	--repeat)
		:
		return
		;;
	--priority)
		:
		return
		;;
	--require)
		:
		return
		;;
	--wait)
		:
		return
		;;
	--sandbox)
		COMPREPLY=($(compgen -W "off strict default permissive" -- "$word"))
		return
		;;
	--grant)
		:
		return
		;;
	--workspace)
		COMPREPLY=($(compgen -W "overlay shared readonly" -- "$word"))
		return
		;;
	--cores)
		:
		return
		;;
	--network)
		COMPREPLY=($(compgen -W "loopback none host" -- "$word"))
		return
		;;
	--memory)
		:
		return
		;;
	--pids)
		:
		return
		;;
	--cpu)
		:
		return
		;;
	--progress)
		COMPREPLY=($(compgen -W "auto bar lines none" -- "$word"))
		return
		;;
	--color)
		COMPREPLY=($(compgen -W "auto always never" -- "$word"))
		return
		;;
	--failure-output)
		COMPREPLY=($(compgen -W "immediate final never" -- "$word"))
		return
		;;
	--durations)
		:
		return
		;;
	--output-limit)
		:
		return
		;;
	--log-format)
		COMPREPLY=($(compgen -W "text json" -- "$word"))
		return
		;;
	--junit)
		compopt -o filenames
		COMPREPLY=($(compgen -f -- "$word"))
		return
		;;
	--events)
		compopt -o filenames
		COMPREPLY=($(compgen -f -- "$word"))
		return
		;;
	--tap)
		compopt -o filenames
		COMPREPLY=($(compgen -f -- "$word"))
		return
		;;
	--html)
		compopt -o filenames
		COMPREPLY=($(compgen -f -- "$word"))
		return
		;;
	--artifacts-dir)
		compopt -o filenames
		COMPREPLY=($(compgen -d -- "$word"))
		return
		;;
	--trace)
		compopt -o filenames
		COMPREPLY=($(compgen -f -- "$word"))
		return
		;;
	--history)
		compopt -o filenames
		COMPREPLY=($(compgen -f -- "$word"))
		return
		;;
	--store)
		:
		return
		;;
	--limit | -n)
		:
		return
		;;
	--suite)
		:
		return
		;;
	--format)
		COMPREPLY=($(compgen -W "auto junit ctest prove lit pytest-split json csv" -- "$word"))
		return
		;;
	--workers)
		:
		return
		;;
	--slots)
		:
		return
		;;
	--deadline)
		:
		return
		;;
	--listen)
		:
		return
		;;
	--lease)
		:
		return
		;;
	--client-slots)
		:
		return
		;;
	--state)
		compopt -o filenames
		COMPREPLY=($(compgen -d -- "$word"))
		return
		;;
	--role)
		COMPREPLY=($(compgen -W "worker operate submit read" -- "$word"))
		return
		;;
	--uses)
		:
		return
		;;
	--ttl)
		:
		return
		;;
	--pool)
		:
		return
		;;
	--max-slots)
		:
		return
		;;
	--content-quota)
		:
		return
		;;
	--config)
		compopt -o filenames
		COMPREPLY=($(compgen -f -- "$word"))
		return
		;;
	--profile)
		:
		return
		;;
	--completion)
		COMPREPLY=($(compgen -W "bash zsh fish" -- "$word"))
		return
		;;
	esac
	case $verb in
	run) options="--help --filterset --partition --rerun --kind --no-tests --jobs --coordinator --insecure --no-insecure --token --ship --retries --max-fail --fail-fast --no-fail-fast --timeout --slow-timeout --grace --global-timeout --repeat --shuffle --isolate --no-isolate --priority --require --wait --sandbox --grant --best-effort --no-best-effort --workspace --keep-workspace --no-keep-workspace --cores --network --memory --pids --cpu --progress --color --failure-output --durations --output-limit --keep-output --no-keep-output --verbose --no-verbose --log-format --junit --events --tap --html --artifacts-dir --trace --github --no-github --history --config --profile" ;;
	list) options="--help --filterset --partition --rerun --kind --no-tests --jobs --coordinator --insecure --no-insecure --token --ship --require --wait --sandbox --grant --best-effort --no-best-effort --workspace --network --memory --pids --cpu --verbose --no-verbose --log-format --history --config --profile" ;;
	plan) options="--help --history --store --workers --slots --json --no-json --config --profile" ;;
	history) options="--help --history --store --limit --suite --format --config --profile" ;;
	report) options="--help --color --failure-output --durations --verbose --no-verbose --junit --events --tap --html --trace --github --no-github --history --store --config --profile" ;;
	merge) options="--help --color --failure-output --durations --verbose --no-verbose --junit --events --tap --html --trace --github --no-github --config" ;;
	explain) options="--help --coordinator --insecure --no-insecure --token --verbose --no-verbose --history --store --json --no-json --config" ;;
	serve) options="--help --insecure --no-insecure --verbose --no-verbose --log-format --store --listen --lease --client-slots --worker-quarantine --no-worker-quarantine --state --content-quota --config --profile" ;;
	token) options="--help --state --role --uses --ttl --pool --max-slots" ;;
	audit) options="--help --state" ;;
	workers) options="--help --coordinator --insecure --no-insecure --token --json --no-json --config --profile" ;;
	runs) options="--help --coordinator --insecure --no-insecure --token --json --no-json --config --profile" ;;
	drain) options="--help --coordinator --insecure --no-insecure --token --json --no-json --deadline --undo --no-undo --config --profile" ;;
	cancel) options="--help --coordinator --insecure --no-insecure --token --json --no-json --config --profile" ;;
	doctor) options="--help --history --store --config" ;;
	help) options="--help --completion" ;;
	version) options="--help" ;;
	esac
	if [ "$COMP_CWORD" -eq 1 ]; then
		COMPREPLY=($(compgen -W "run list plan history report merge explain serve token audit workers runs drain cancel doctor help version" -- "$word"))
		return
	fi
	case $word in
	-*) COMPREPLY=($(compgen -W "$options" -- "$word")) ;;
	*)
		compopt -o filenames
		COMPREPLY=($(compgen -f -- "$word"))
		;;
	esac
}
complete -F _paddock paddock

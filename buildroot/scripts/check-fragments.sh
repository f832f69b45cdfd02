#!/bin/sh
# Prove that a kernel's configuration is what its fragments ask for.
#
#   check-fragments.sh CONFIG FRAGMENT...
#
# Prints every line that did not survive, and then fails.

set -eu

if [ $# -lt 2 ]; then
	echo "usage: ${0##*/} CONFIG FRAGMENT..." >&2
	exit 2
fi
config=$1
shift
[ -s "$config" ] || { echo "${0##*/}: no configuration in $config" >&2; exit 2; }

lost=0 checked=0
for fragment in "$@"; do
	before=$checked
	while IFS= read -r line || [ -n "$line" ]; do
		case $line in
		CONFIG_*=n)
			symbol=${line%%=*}
			;;
		CONFIG_*=*)
			checked=$((checked + 1))
			grep -qxF -- "$line" "$config" && continue
			echo "$fragment: $line is lost: $(grep "^${line%%=*}=" "$config" || echo "not set")" >&2
			lost=$((lost + 1))
			continue
			;;
		"# CONFIG_"*" is not set")
			symbol=${line#\# }
			symbol=${symbol% is not set}
			;;
		"#"* | "")
			continue
			;;
		*)
			echo "$fragment: what is \"$line\"?" >&2
			lost=$((lost + 1))
			continue
			;;
		esac
		checked=$((checked + 1))
		if grep "^$symbol=" "$config" >&2; then # shows what it is instead
			echo "$fragment: $symbol must be off" >&2
			lost=$((lost + 1))
		fi
	done <"$fragment"
	if [ "$checked" -eq "$before" ] && [ "$lost" -eq 0 ]; then
		echo "$fragment: asks for nothing" >&2
		exit 1
	fi
done
[ "$lost" -eq 0 ] || exit 1
echo "all $checked symbols of $# kernel fragments survived"

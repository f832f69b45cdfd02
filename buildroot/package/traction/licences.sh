#!/bin/sh
# Print the licences of the Go modules in a vendor folder, each under its module's
# name: what has to go along with the program.
#
#   licences.sh VENDOR_FOLDER
#
# Fails when a module that code was taken from brings no licence.
set -eu

vendor=$1
cd "$vendor"
# "# module version" heads the list of the packages that are used; a module of which
# none is used stands there alone.
modules=$(awk '/^# /{module = $2; next} /^[^#]/{print module}' modules.txt | sort -u)
[ -n "$modules" ] || { echo "${0##*/}: no modules in $vendor" >&2; exit 1; }
for module in $modules; do
	files=$(find "$module" -type f | grep -E '/(LICEN[CS]E|COPYING|NOTICE|PATENTS|OFL)[^/]*$' |
		grep -v '\.go$' | LC_ALL=C sort) || true
	[ -n "$files" ] || { echo "${0##*/}: $module brings no licence" >&2; exit 1; }
	for file in $files; do
		printf '%s\n%s\n%s\n\n' "$(printf '%080d' 0 | tr 0 =)" "$file" "$(printf '%080d' 0 | tr 0 =)"
		cat "$file"
		echo
	done
done

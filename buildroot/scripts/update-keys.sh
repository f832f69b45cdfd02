#!/bin/sh
# Make the keys that updates are signed with, if they are not there yet.
#
#   update-keys.sh FOLDER
#
#   ca.pem, ca.key     the authority that tables trust; its key can stay in a drawer
#   cert.pem, key.pem  signs bundles, vouched for by the authority
#
# Whoever has key.pem can put any program on every table that was built with this
# ca.pem. None of it belongs into a repository.
set -eu
umask 077

if [ $# -ne 1 ]; then
	echo "usage: ${0##*/} FOLDER" >&2
	exit 2
fi
mkdir -p "$1"
cd "$1"
if [ -s ca.pem ] && [ -s cert.pem ] && [ -s key.pem ]; then
	exit 0
fi
for file in ca.pem ca.key cert.pem key.pem; do
	if [ -e "$file" ]; then
		echo "${0##*/}: $1 has a $file but is not complete; look why, or name another folder" >&2
		exit 1
	fi
done

# Into a folder beside first: an interrupted run leaves nothing half made behind.
work=$(mktemp -d "$PWD/.making.XXXXXX")
trap 'rm -rf "$work"' EXIT
name=$(date -u +%Y-%m-%d)
# Ten years: a table's clock and its owner's habits outlast shorter ones.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -sha256 -nodes -days 3650 -subj "/CN=Traction updates, made $name" \
	-addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign \
	-keyout "$work/ca.key" -out "$work/ca.pem" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -sha256 -nodes -subj "/CN=Traction updates, signer, made $name" \
	-keyout "$work/key.pem" -out "$work/request" 2>/dev/null
cat >"$work/extensions" <<END
basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature
END
openssl x509 -req -in "$work/request" -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial -sha256 -days 3650 \
	-extfile "$work/extensions" -out "$work/cert.pem" 2>/dev/null
for file in ca.key ca.pem key.pem cert.pem; do
	mv "$work/$file" "$file"
done
echo "${0##*/}: new keys in $1: keep them, or tables built now take no further update"

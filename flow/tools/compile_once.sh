# Stands before the compiler in Verilator's makefile (OBJCACHE): Verilator's own run-time library is
# compiled once for this user, compiler, version and set of flags, not again for every model.
folder=${HOME:-/nonexistent}/.cache/bnnflow/objects
previous=
object=
source=
for argument in "$@"; do
    if [ "$previous" = -o ]; then object=$argument; fi
    case $argument in */verilated*.cpp) source=$argument ;; esac
    previous=$argument
done
if [ -z "$source" ] || ! mkdir -p "$folder" 2>/dev/null; then exec "$@"; fi
key=$({ echo "$@"; "$1" --version; cat "$source" "${source%/*}"/verilated*.h; } | sha256sum)
kept=$folder/${key%% *}.o
if [ ! -f "$kept" ]; then "$@" && cp "$object" "$kept.$$" && mv "$kept.$$" "$kept" || exit; fi
cp "$kept" "$object"

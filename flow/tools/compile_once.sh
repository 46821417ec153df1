# Stands before the compiler in Verilator's makefile (OBJCACHE). What all models share is compiled once
# for this user, compiler, version and set of flags: Verilator's run-time library and its header. The
# header serves in place of the precompiled one that the makefile wants to have of each model.
folder=${HOME:-/nonexistent}/.cache/bnnflow/objects
previous=
object=
library=
header=
include=
level=
flags=
for argument in "$@"; do
    if [ "$previous" = -o ]; then object=$argument; fi
    case $argument in
        */verilated*.cpp) library=$argument ;;
        c++-header) header=yes ;;
        -I*) if [ -f "${argument#-I}/verilated.h" ]; then include=${argument#-I}; fi ;;
        -[DOfgm]*[!A-Za-z0-9_=.,+-]*) exec "$@" ;;
        -MMD) ;;
        -O*) level=$argument ;;
        -[Dfgm]* | -std=*) flags="$flags $argument" ;;
    esac
    previous=$argument
done
if ! mkdir -p "$folder" 2>/dev/null; then exec "$@"; fi
version=$("$1" --version)

if [ -n "$library" ]; then
    key=$({ echo "$@" "$version"; cat "$library" "${library%/*}"/verilated*.h; } | sha256sum)
    kept=$folder/${key%% *}.o
    if [ ! -f "$kept" ]; then "$@" && cp "$object" "$kept.$$" && mv "$kept.$$" "$kept" || exit; fi
    cp "$kept" "$object"
    exit
fi

# Other compilers than GCC bind a precompiled header to the place where it was made.
case $version in *"Free Software Foundation"*) ;; *) exec "$@" ;; esac
if [ -z "$include" ]; then exec "$@"; fi
key=$({ echo "$1 $level $flags $version"; cat "$include"/verilated*.h; } | sha256sum)
kept=$folder/${key%% *}.h
if [ ! -f "$kept.gch" ]; then
    echo '#include "verilated.h"' >"$kept"
    # shellcheck disable=SC2086
    "$1" $level $flags "-I$include" -x c++-header "$kept" -o "$kept.$$" && mv "$kept.$$" "$kept.gch" || exit
fi
if [ -n "$header" ]; then : >"$object"; exit; fi
for argument in "$@"; do
    shift
    case $argument in
        -include | *__pch.h.fast | *__pch.h.slow) ;;
        *) set -- "$@" "$argument" ;;
    esac
done
compiler=$1
shift
exec "$compiler" -include "$kept" "$@"

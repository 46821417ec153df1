#!/bin/bash
# Give a user that the image does not know a home, and the vendor's tools a place on PATH.
set -euo pipefail

if [[ ! -w "${HOME:-/}" ]]; then
  export HOME=/tmp/home
  mkdir -p "$HOME"
fi
# Libraries ask for the user's name and fail where the number has none.
export USER="${USER:-flow}" LOGNAME="${LOGNAME:-flow}"

# Vivado's licence check loads libudev late and aborts in a container with "realloc(): invalid
# pointer"; loaded first it works (FINN's run-docker.sh does the same).
udev=/lib/x86_64-linux-gnu/libudev.so.1
if [[ -n "${XILINX_ROOT:-}" && -r "$udev" ]]; then
  export LD_PRELOAD="$udev${LD_PRELOAD:+:$LD_PRELOAD}"
fi

# Both layouts: <root>/Vivado/2022.2 and, since 2025.1, <root>/2025.1/Vivado.
if [[ -n "${XILINX_ROOT:-}" && -n "${BNNFLOW_VIVADO_VERSION:-}" ]]; then
  for tool in Vivado Vitis_HLS Vitis; do
    for settings in "$XILINX_ROOT/$tool/$BNNFLOW_VIVADO_VERSION/settings64.sh" \
      "$XILINX_ROOT/$BNNFLOW_VIVADO_VERSION/$tool/settings64.sh"; do
      if [[ -r "$settings" ]]; then
        set +u
        # shellcheck disable=SC1090
        source "$settings"
        set -u
      fi
    done
  done
fi

exec "$@"

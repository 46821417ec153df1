#!/bin/sh
# Install the flow itself into the environment, as it lies in /opt/bnnflow, without the network.
set -eu
cd /opt/bnnflow
python - <<'PYTHON'
import os
import subprocess
import sysconfig
import zipfile

subprocess.run(["hatchling", "build", "-t", "wheel", "-d", "/tmp/wheel"], check=True)
(name,) = os.listdir("/tmp/wheel")
site = sysconfig.get_paths()["purelib"]
with zipfile.ZipFile(f"/tmp/wheel/{name}") as wheel:
    metadata = [entry for entry in wheel.namelist() if ".dist-info/" in entry]
    wheel.extractall(site, metadata)
# The code stays where board/ and build_configs/ are.
with open(os.path.join(site, "bnnflow.pth"), "w", encoding="utf-8") as pth:
    pth.write("/opt/bnnflow\n")
with open("/opt/bnnflow/.venv/bin/flow", "w", encoding="utf-8") as script:
    script.write("#!/opt/bnnflow/.venv/bin/python\nfrom flow.cli import main\n\nmain()\n")
os.chmod("/opt/bnnflow/.venv/bin/flow", 0o755)
PYTHON
rm -rf /tmp/wheel
python -m compileall -q flow driver

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one command under crun as a container engine would: the runtime's own default configuration, the engines' default
filter, the host's /usr read-only in a root of its own.

Usage: oci.py WORK FILTER SHOW COMMAND...       FILTER: the engines' seccomp.json; SHOW: a folder shown inside, too
"""
import json, os, pathlib, subprocess, sys, tempfile

CAPS = {"CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"}
OPTIONAL = ("args", "errnoRet", "errno")


def applies(rule):
    """Whether an engine would keep this rule for a container with these rights on this machine."""
    includes, excludes = rule.get("includes", {}), rule.get("excludes", {})
    arch = includes.get("arches")
    return not (set(includes.get("caps", [])) - CAPS) and not (set(excludes.get("caps", [])) & CAPS) \
        and (not arch or "amd64" in arch) and "amd64" not in excludes.get("arches", [])


def seccomp(path):
    profile = json.loads(pathlib.Path(path).read_text())
    kept = [{"names": r["names"], "action": r["action"], **{k: r[k] for k in OPTIONAL if r.get(k) is not None}}
            for r in profile["syscalls"] if applies(r)]
    for rule in kept:
        rule.pop("errno", None)
    return {"defaultAction": profile["defaultAction"], "defaultErrnoRet": profile.get("defaultErrnoRet", 1),
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], "syscalls": kept}


def main():
    work, profile, show, *command = sys.argv[1:]
    bundle = pathlib.Path(tempfile.mkdtemp(dir=work))
    subprocess.run(["crun", "spec"], cwd=bundle, check=True)
    config = json.loads((bundle / "config.json").read_text())
    root = bundle / "rootfs"
    for name in ("proc", "sys", "dev", "tmp", "run", "var", "root", "usr", "etc", show.lstrip("/")):
        (root / name).mkdir(parents=True, exist_ok=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        os.symlink(f"usr/{name}", root / name)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    for path in ("/usr", show):
        config["mounts"].append({"destination": path, "source": path, "type": "bind", "options": ["rbind", "ro"]})
    config["mounts"].append({"destination": "/tmp", "source": "tmpfs", "type": "tmpfs", "options": ["nosuid", "nodev"]})
    config["process"].update(terminal=False, args=command)
    config["linux"]["seccomp"] = seccomp(profile)
    (bundle / "config.json").write_text(json.dumps(config))
    os.execvp("crun", ["crun", "--root", f"{work}/state", "--cgroup-manager", "disabled", "run", "--bundle", str(bundle),
                       bundle.name.replace("_", "-")])


if __name__ == "__main__":
    main()

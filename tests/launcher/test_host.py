"""What the host grants, on made-up hosts: a folder stands for the root of the file system."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from procession.launcher import host
from procession.launcher.host import WorkerCount, worker_count
from tests.helpers.scripts import environment

pytestmark = pytest.mark.short

UNLIMITED_V1 = "9223372036854771712"
V2_MOUNT = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate"
V1_CPU_MOUNT = "33 30 0:29 {top} /sys/fs/cgroup/cpu,cpuacct rw shared:11 - cgroup cgroup rw,cpu,cpuacct"
V1_MEMORY_MOUNT = "34 30 0:30 {top} /sys/fs/cgroup/memory rw shared:12 - cgroup cgroup rw,memory"
OTHER_MOUNTS = """22 1 254:0 / / rw,relatime - ext4 /dev/root rw
31 23 0:28 / /sys/fs/cgroup ro - tmpfs tmpfs ro,mode=755
35 30 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset"""


def make_root(folder: Path, *, cgroup: str, mounts: str, files: dict[str, str]) -> str:
    """Make a root: /proc/self/cgroup, /proc/self/mountinfo, and files below /sys/fs/cgroup."""
    for name, text in {"proc/self/cgroup": cgroup, "proc/self/mountinfo": f"{OTHER_MOUNTS}\n{mounts}"}.items():
        files = {**files, name: text}
    for name, text in files.items():
        path = folder / (name if name.startswith("proc") else f"sys/fs/cgroup/{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return str(folder)


def v2_root(folder: Path, path: str, files: dict[str, str]) -> str:
    return make_root(folder, cgroup=f"0::{path}", mounts=V2_MOUNT, files=files)


def v1_root(folder: Path, path: str, files: dict[str, str], top: str = "/") -> str:
    cgroup = f"12:memory:{path}\n4:cpu,cpuacct:{path}\n3:cpuset:/elsewhere\n1:name=systemd:/init"
    mounts = f"{V1_CPU_MOUNT}\n{V1_MEMORY_MOUNT}".format(top=top)
    return make_root(folder, cgroup=cgroup, mounts=mounts, files=files)


def count(root: str, affinity: int = 8, **variables: str) -> WorkerCount:
    return worker_count(variables, root=root, affinity=affinity)


def oom_kills(root: str) -> tuple[str, int | None] | None:
    counter = host.oom_counter(root)
    return None if counter is None else (counter.whose, counter.read())


class TestVariables:
    @pytest.mark.parametrize("name", ["PROCESSION_WORKERS", "PYTHON_CPU_COUNT"])
    def test_variable_decides_against_any_limit(self, tmp_path: Path, name: str) -> None:
        root = v2_root(tmp_path, "/", {"cpu.max": "100000 100000"})
        assert count(root, **{name: "32"}) == WorkerCount(32, name)

    def test_own_variable_comes_before_pythons(self, tmp_path: Path) -> None:
        result = count(str(tmp_path), PROCESSION_WORKERS="3", PYTHON_CPU_COUNT="5")
        assert result == WorkerCount(3, "PROCESSION_WORKERS")

    @pytest.mark.parametrize(
        "variables", [{"PYTHON_CPU_COUNT": "default"}, {"PYTHON_CPU_COUNT": ""}, {"PROCESSION_WORKERS": ""}]
    )
    def test_value_that_means_unset_decides_nothing(self, tmp_path: Path, variables: dict[str, str]) -> None:
        assert count(str(tmp_path), **variables) == WorkerCount(8, "CPU affinity")

    @pytest.mark.parametrize("name", ["PROCESSION_WORKERS", "PYTHON_CPU_COUNT"])
    @pytest.mark.parametrize("value", ["0", "-1", "many", "2.5", "1_0", "²", " "])
    def test_bad_value_is_an_error_that_names_it(self, tmp_path: Path, name: str, value: str) -> None:
        with pytest.raises(ValueError) as caught:
            count(str(tmp_path), **{name: value})
        assert str(caught.value).startswith(f"{name}={value!r}: must be a whole number of 1 or more")

    def test_error_names_the_other_value_that_pythons_may_have(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="PYTHON_CPU_COUNT='x': must be .* of 1 or more, or 'default'$"):
            count(str(tmp_path), PYTHON_CPU_COUNT="x")

    def test_default_is_no_value_of_our_own_variable(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="PROCESSION_WORKERS='default': must be a whole number of 1 or more$"):
            count(str(tmp_path), PROCESSION_WORKERS="default")


class TestAffinity:
    def test_without_cgroups_affinity_decides(self, tmp_path: Path) -> None:
        assert count(str(tmp_path), affinity=3) == WorkerCount(3, "CPU affinity")

    @pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no affinity here")
    def test_affinity_of_this_process_counts(self, tmp_path: Path) -> None:
        before = os.sched_getaffinity(0)
        try:
            os.sched_setaffinity(0, {min(before)})
            assert worker_count({}, root=str(tmp_path)) == WorkerCount(1, "CPU affinity")
        finally:
            os.sched_setaffinity(0, before)

    def test_affinity_decides_where_the_quota_is_larger(self, tmp_path: Path) -> None:
        root = v2_root(tmp_path, "/", {"cpu.max": "1600000 100000"})
        assert count(root) == WorkerCount(8, "CPU affinity")


class TestQuotaOfV2:
    def test_quota_decides_where_it_is_smaller(self, tmp_path: Path) -> None:
        root = v2_root(tmp_path, "/", {"cpu.max": "200000 100000"})
        assert count(root) == WorkerCount(2, "cgroup v2 CPU quota")

    @pytest.mark.parametrize(
        "quota, workers", [("150000 100000", 2), ("10000 100000", 1), ("100001 100000", 2), ("25000 10000", 3)]
    )
    def test_quota_is_rounded_up(self, tmp_path: Path, quota: str, workers: int) -> None:
        assert count(v2_root(tmp_path, "/", {"cpu.max": quota})).count == workers

    @pytest.mark.parametrize("quota", ["max 100000", "", "nonsense", "0 0", "100000"])
    def test_no_quota_limits_nothing(self, tmp_path: Path, quota: str) -> None:
        assert count(v2_root(tmp_path, "/", {"cpu.max": quota})) == WorkerCount(8, "CPU affinity")

    @pytest.mark.parametrize("tight", ["a/b/c", "a/b", "a"])
    def test_smallest_quota_on_the_way_up_wins(self, tmp_path: Path, tight: str) -> None:
        quotas = {"a/b/c": "600000 100000", "a/b": "max 100000", "a": "700000 100000", tight: "300000 100000"}
        root = v2_root(tmp_path, "/a/b/c", {f"{name}/cpu.max": quota for name, quota in quotas.items()})
        assert count(root) == WorkerCount(3, "cgroup v2 CPU quota")

    def test_neighbour_and_child_do_not_count(self, tmp_path: Path) -> None:
        root = v2_root(tmp_path, "/a", {"b/cpu.max": "100000 100000", "a/b/cpu.max": "100000 100000"})
        assert count(root).count == 8

    def test_path_outside_of_the_namespace_counts_as_its_top(self, tmp_path: Path) -> None:
        root = v2_root(tmp_path, "/../other", {"cpu.max": "200000 100000", "../other/cpu.max": "100000 100000"})
        assert count(root).count == 2


class TestQuotaOfV1:
    def test_quota_decides_where_it_is_smaller(self, tmp_path: Path) -> None:
        files = {"cpu,cpuacct/job/cpu.cfs_quota_us": "250000", "cpu,cpuacct/job/cpu.cfs_period_us": "100000"}
        assert count(v1_root(tmp_path, "/job", files)) == WorkerCount(3, "cgroup v1 CPU quota")

    def test_minus_one_limits_nothing(self, tmp_path: Path) -> None:
        files = {"cpu,cpuacct/cpu.cfs_quota_us": "-1", "cpu,cpuacct/cpu.cfs_period_us": "100000"}
        assert count(v1_root(tmp_path, "/", files)).count == 8

    def test_quota_of_a_cgroup_above_counts(self, tmp_path: Path) -> None:
        files = {
            "cpu,cpuacct/a/cpu.cfs_quota_us": "100000",
            "cpu,cpuacct/a/cpu.cfs_period_us": "50000",
            "cpu,cpuacct/a/b/cpu.cfs_quota_us": "-1",
            "cpu,cpuacct/a/b/cpu.cfs_period_us": "100000",
        }
        assert count(v1_root(tmp_path, "/a/b", files)).count == 2

    def test_container_without_namespace_sees_its_own_part(self, tmp_path: Path) -> None:
        quotas = {"": "400000", "inner/": "300000", "docker/0a1b/": "100000"}
        files = {f"cpu,cpuacct/{name}cpu.cfs_quota_us": quota for name, quota in quotas.items()}
        files |= {f"cpu,cpuacct/{name}cpu.cfs_period_us": "100000" for name in quotas}
        root = v1_root(tmp_path, "/docker/0a1b/inner", files, top="/docker/0a1b")
        assert count(root) == WorkerCount(3, "cgroup v1 CPU quota")

    def test_mount_point_with_a_blank_is_found(self, tmp_path: Path) -> None:
        mounts = r"33 30 0:29 / /sys/fs/cgroup/the\040cpu rw - cgroup cgroup rw,cpu"
        files = {"the cpu/cpu.cfs_quota_us": "100000", "the cpu/cpu.cfs_period_us": "100000"}
        root = make_root(tmp_path, cgroup="4:cpu:/", mounts=mounts, files=files)
        assert count(root).count == 1


class TestHybrid:
    MOUNTS = f"{V1_CPU_MOUNT}\n{V1_MEMORY_MOUNT}\n{V2_MOUNT}".format(top="/").replace(
        "/sys/fs/cgroup rw,nosuid", "/sys/fs/cgroup/unified rw,nosuid"
    )

    def test_quota_of_v1_counts_beside_an_empty_v2(self, tmp_path: Path) -> None:
        files = {
            "cpu,cpuacct/job/cpu.cfs_quota_us": "200000",
            "cpu,cpuacct/job/cpu.cfs_period_us": "100000",
            "unified/job/cgroup.procs": "1",
        }
        root = make_root(tmp_path, cgroup="4:cpu,cpuacct:/job\n0::/job", mounts=self.MOUNTS, files=files)
        assert count(root) == WorkerCount(2, "cgroup v1 CPU quota")

    def test_memory_of_v1_counts_beside_an_empty_v2(self, tmp_path: Path) -> None:
        files = {
            "memory/job/memory.limit_in_bytes": "1000000",
            "memory/job/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 4",
        }
        root = make_root(tmp_path, cgroup="0::/job\n9:memory:/job", mounts=self.MOUNTS, files=files)
        assert (host.memory_limit(root), oom_kills(root)) == (1000000, ("cgroup", 4))


class TestMemory:
    def test_smallest_limit_on_the_way_up_wins(self, tmp_path: Path) -> None:
        files = {"a/b/memory.max": "max", "a/memory.max": "2000000", "memory.max": "3000000"}
        assert host.memory_limit(v2_root(tmp_path, "/a/b", files)) == 2000000

    def test_highest_number_of_v1_is_no_limit(self, tmp_path: Path) -> None:
        files = {"memory/a/memory.limit_in_bytes": UNLIMITED_V1}
        assert host.memory_limit(v1_root(tmp_path, "/a", files)) is None

    def test_limit_of_v1_counts(self, tmp_path: Path) -> None:
        files = {"memory/a/memory.limit_in_bytes": "512", "memory/memory.limit_in_bytes": UNLIMITED_V1}
        assert host.memory_limit(v1_root(tmp_path, "/a", files)) == 512

    def test_without_cgroups_there_is_no_limit_and_no_counter(self, tmp_path: Path) -> None:
        assert (host.memory_limit(str(tmp_path)), oom_kills(str(tmp_path))) == (None, None)

    def test_oom_kills_of_the_own_cgroup_are_counted(self, tmp_path: Path) -> None:
        events = "low 0\nhigh 3\nmax 17\noom 2\noom_kill 2\noom_group_kill 0"
        root = v2_root(tmp_path, "/a", {"a/memory.events": events, "memory.events": "oom_kill 9"})
        assert oom_kills(root) == ("cgroup", 2)

    def test_where_no_cgroup_counts_the_machine_does(self, tmp_path: Path) -> None:
        root = v2_root(tmp_path, "/", {"proc/vmstat": "nr_free_pages 12\noom_kill 7\ndrop_pagecache 0"})
        assert oom_kills(root) == ("machine", 7)


class TestThisMachine:
    def test_every_figure_can_be_read(self) -> None:
        assert worker_count().count >= 1
        assert host.memory_limit() is None or host.memory_limit() > 1 << 20  # type: ignore[operator]
        assert host.start_methods() == ("nursery", "fork", "forkserver", "spawn")
        assert host.shm_size() is None or host.shm_size() > 0  # type: ignore[operator]

    def test_missing_shared_memory_is_none(self, tmp_path: Path) -> None:
        assert host.shm_size(str(tmp_path / "nothing")) is None

    def test_descriptor_limit_is_the_soft_one(self) -> None:
        code = "from procession.launcher import host; print(host.descriptor_limit())"
        command = ["sh", "-c", f"ulimit -S -n 77; exec {sys.executable} -c '{code}'"]
        output = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True).stdout
        assert output == "77\n"

"""Options of trainings that take seconds, and the runs that they leave."""

TINY = ["--channel-base", "128", "--channel-max", "8", "--map-layers", "1", "--w-dim", "16", "--batch", "8"]
SHORT = ["--kimg", "0.032", "--tick", "0.016", "--resume", "none", "--metrics", "none", *TINY]


def directories(tmp_path):
    return sorted(path.name for path in (tmp_path / "runs").iterdir()) if (tmp_path / "runs").exists() else []

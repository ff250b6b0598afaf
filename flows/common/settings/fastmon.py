"""Settings of fast monitoring."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings

from flows.common.settings.forms import NameList, PathList, also, group


class FastmonSettings(BaseSettings):
    """Fast monitoring: sampling and the directory scan."""

    model_config = group("FASTMON")

    namespaces: NameList = Field(
        (), description="Namespaces whose STFs are sampled (comma-separated); empty: all."
    )
    selection_fraction: float = Field(
        0.1,
        ge=0,
        le=1,
        validation_alias=also("FASTMON_SELECTION_FRACTION", "FASTMON_SELECTION_FRACTION"),
        description="Fraction of the STFs that are sampled; the first of a run always is.",
    )
    tf_files_per_stf: int = Field(
        7,
        ge=1,
        le=999,
        validation_alias=also("FASTMON_TF_FILES_PER_STF", "FASTMON_TF_FILES_PER_STF"),
        description="TF files made of one sampled STF.",
    )
    tf_size_fraction: float = Field(
        0.15, gt=0, le=1, description="Part of each partition's TFs that its TF file takes."
    )
    tf_sequence_start: int = Field(1, ge=0, description="Number of an STF's first TF file.")
    tf_count_per_stf: int = Field(
        1000, ge=1, description="TFs in an STF if its message and row do not say."
    )
    stf_size_bytes: int = Field(
        2 * 1024**3, ge=1, description="Size of an STF if its message and row do not say."
    )
    agent_name: str = Field(
        "fastmon-agent-prodops",
        max_length=100,
        description="Name that the sampler's messages carry as sender and processed_by.",
    )
    seed: str = Field("prodops", description="Seed of the sampling, combined with each STF's name.")
    batch_size: int = Field(500, ge=1, le=5000, description="Most STFs sampled in one transaction.")
    idle_seconds: float = Field(
        15.0, gt=0, description="Time without an STF after which a sampling run ends."
    )
    run_seconds: float = Field(
        60.0, gt=1, description="Time after which a sampling run hands over to its successor."
    )
    run_stfs: int = Field(5000, ge=1, description="STFs after which a sampling run hands over.")
    file_days: float = Field(
        14.0,
        gt=0,
        description="Age of a run's newest file at which its STF files, TF files and slices are "
        "deleted; the run and its counts are kept.",
    )
    file_rows: int = Field(
        10_000_000,
        ge=1000,
        description="TF files that are kept, whatever their age: those of the newest runs.",
    )
    summary_seconds: float = Field(
        10.0, gt=0, description="Interval of a sampling run's summary task."
    )
    watch_dirs: PathList = Field(
        (),
        validation_alias=also("FASTMON_WATCH_DIRS", "FASTMON_WATCH_DIR"),
        description="Directories that are scanned for STFs (colon-separated): continuous mode.",
    )
    watch_patterns: NameList = Field(
        ("*.stf", "*.STF"), description="File name patterns of STFs (comma-separated)."
    )
    watch_run_pattern: str = Field(
        r"(?:run_?|swf\.|r)(\d+)",
        description="Regular expression whose first group is the run number in a file's name.",
    )
    watch_default_run: int = Field(
        1, ge=0, description="Run number of a file whose name contains none."
    )
    watch_namespace: str = Field("", description="Namespace of the STFs that a scan finds.")
    watch_seconds: float = Field(30.0, gt=0, description="Interval of the directory scan.")
    watch_settle_seconds: float = Field(
        5.0, ge=0, description="How long a file's size must be unchanged before it is taken."
    )
    watch_base_url: str = Field(
        "file://", description="Prefix of a scanned file's URL; its absolute path follows."
    )
    watch_checksum: bool = Field(True, description="Whether a scan computes each file's adler32.")

"""The words of the agents' tables. The database takes any; REST forms refuse others.

Source: fastmon contract section 4 (enums).
"""

from __future__ import annotations

from enum import StrEnum


class AgentType(StrEnum):
    """What an agent does. Heartbeats may say anything: the testbed has agents of more types."""

    DAQSIM = "daqsim"
    DATA = "data"
    PROCESSING = "processing"
    FASTMON = "fastmon"
    WORKFLOW_RUNNER = "workflow_runner"
    MONITOR = "monitor"
    SSE_SENDER = "sse_sender"
    SSE_RECEIVER = "sse_receiver"
    TEST = "test"
    OTHER = "other"


class AgentStatus(StrEnum):
    """Health of an agent."""

    UNKNOWN = "UNKNOWN"
    OK = "OK"
    WARNING = "WARNING"
    ERROR = "ERROR"
    EXITED = "EXITED"


class OperationalState(StrEnum):
    """Activity of an agent."""

    STARTING = "STARTING"
    READY = "READY"
    PROCESSING = "PROCESSING"
    EXITED = "EXITED"


class DeliveryType(StrEnum):
    """How a subscriber is served."""

    ACTIVEMQ = "activemq"
    SSE = "sse"


class DaqState(StrEnum):
    """State of the data acquisition."""

    NO_BEAM = "no_beam"
    BEAM = "beam"
    RUN = "run"
    CALIB = "calib"
    TEST = "test"


class DaqSubstate(StrEnum):
    """Substate of the data acquisition."""

    NOT_READY = "not_ready"
    READY = "ready"
    PHYSICS = "physics"
    STANDBY = "standby"
    LUMI = "lumi"
    EIC = "eic"
    EPIC = "epic"
    DAQ = "daq"
    CALIB = "calib"


class StageAgent(StrEnum):
    """Type of an agent that a stage of a workflow is of."""

    DAQSIM = "daqsim"
    DATA = "data"
    PROCESSING = "processing"
    FASTMON = "fastmon"
    MONITOR = "monitor"


class WorkflowStatus(StrEnum):
    """Status of an STF's workflow, and of its stages."""

    GENERATED = "generated"
    DAQSIM_RECEIVED = "daqsim_received"
    DAQSIM_PROCESSING = "daqsim_processing"
    DAQSIM_COMPLETE = "daqsim_complete"
    DATA_RECEIVED = "data_received"
    DATA_PROCESSING = "data_processing"
    DATA_COMPLETE = "data_complete"
    PROCESSING_RECEIVED = "processing_received"
    PROCESSING_PROCESSING = "processing_processing"
    PROCESSING_COMPLETE = "processing_complete"
    FASTMON_RECEIVED = "fastmon_received"
    FASTMON_PROCESSING = "fastmon_processing"
    FASTMON_COMPLETE = "fastmon_complete"
    WORKFLOW_COMPLETE = "workflow_complete"
    FAILED = "failed"

"""PCS's tasks and their attempts, as the pure rules of submission are shown them."""

from blocks.pcs_service import Attempt, ProdTask

NAME = "group.EIC.x"


def attempt(id_: int = 1, jedi: int | None = None, snapshot: str = "", name: str = NAME):
    return Attempt(id=id_, task_name=name, jedi_task_id=jedi, status_snapshot=snapshot)


def task(status: str = "submitted", jedi: int | None = None, attempts=()):
    return ProdTask(
        id=1,
        name="t",
        composed_name=NAME,
        status=status,
        panda_task_id=jedi,
        panda_tasks=attempts,
        created_by="me",
    )

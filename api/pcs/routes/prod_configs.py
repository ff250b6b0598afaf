"""Production configurations."""

from __future__ import annotations

from typing import Final

from fastapi import Request

from api.http.access import Reader
from api.http.errors import reading, writing
from api.http.forms import Sent, body, partial
from api.http.sessions import session_of
from api.pcs import views
from api.pcs.forms import ProdConfigForm
from api.pcs.routes.common import PREFIX, PcsRouter, RowKey, Writer
from api.pcs.services import configs

router = PcsRouter(prefix=f"{PREFIX}/prod-configs", tags=["production configurations"])

_EXAMPLE: Final = {
    "name": "bnl-single",
    "container_image": "docker://eicweb/jug_xl:26.02.0-stable",
    "panda_site": "BNL_PanDA_1",
    "panda_working_group": "EIC.production",
    "data": {
        "exec_command": "./my_script.sh",
        "official": True,
        "n_jobs": 1,
        "no_build": True,
        "skip_scout": True,
        "outputs": "myout.txt",
    },
}


@router.get("/", summary="List configurations", responses=reading())
def list_configs(request: Request, _caller: Reader) -> list[views.ProdConfigView]:
    """All as a bare array, oldest first."""
    with session_of(request) as session:
        return [views.config_view(config) for config in configs.configs(session)]


@router.get("/{pk}/", summary="One configuration", responses=reading(404))
def get_config(pk: RowKey, request: Request, _caller: Reader) -> views.ProdConfigView:
    """By its key."""
    with session_of(request) as session:
        return views.config_view(configs.config(session, pk))


@router.post(
    "/",
    status_code=201,
    summary="Make a configuration",
    responses=writing(),
    openapi_extra=body(ProdConfigForm, _EXAMPLE),
)
def add_config(request: Request, actor: Writer, sent: Sent) -> views.ProdConfigView:
    """Every value that can reach a command is checked against its form."""
    values = sent.read(ProdConfigForm)
    with session_of(request) as session:
        return views.config_view(configs.add(session, values, actor))


@router.put(
    "/{pk}/",
    summary="Set the fields of a configuration",
    responses=writing(),
    openapi_extra=body(ProdConfigForm, _EXAMPLE),
)
def replace_config(pk: RowKey, request: Request, actor: Writer, sent: Sent) -> views.ProdConfigView:
    """Optional fields that were not sent keep their values."""
    values = sent.read(ProdConfigForm)
    with session_of(request) as session:
        return views.config_view(configs.change(session, pk, values, actor))


@router.patch(
    "/{pk}/",
    summary="Change a configuration",
    responses=writing(),
    openapi_extra=body(partial(ProdConfigForm), {"panda_site": "BNL_PanDA_2"}),
)
def change_config(pk: RowKey, request: Request, actor: Writer, sent: Sent) -> views.ProdConfigView:
    """409 where a locked task runs with it; `data` is replaced as a whole."""
    values = sent.read(partial(ProdConfigForm))
    with session_of(request) as session:
        return views.config_view(configs.change(session, pk, values, actor))


@router.delete("/{pk}/", status_code=204, summary="Delete a configuration", responses=writing())
def delete_config(pk: RowKey, request: Request, actor: Writer) -> None:
    """409 where a task has it."""
    with session_of(request) as session:
        configs.delete(session, pk, actor)

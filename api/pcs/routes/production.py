"""Production configurations and production requests."""

from __future__ import annotations

from api.pcs.models import ProdConfig, ProdRequest
from api.pcs.queries import production as queries
from api.pcs.queries.rows import by_key
from api.pcs.routes.common import PREFIX, PcsRouter
from api.pcs.routes.records import Records, add_routes
from api.pcs.schemas.production import ProdConfigForm, ProdRequestForm
from api.pcs.services import production
from api.pcs.views.catalogue import ProdConfigView, ProdRequestView

router = PcsRouter(prefix=PREFIX)

add_routes(
    router,
    Records(
        prefix="/prod-configs",
        tag="production configurations",
        name="config",
        words="configuration",
        view=ProdConfigView,
        form=ProdConfigForm,
        example={
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
        },
        changes_example={"panda_site": "BNL_PanDA_2"},
        find=queries.configs,
        get=lambda session, key: by_key(session, ProdConfig, key),
        add=production.add_config,
        change=production.change_config,
        delete=production.delete_config,
        texts={
            "add": "Every value that can reach a command is checked against its form.",
            "change": "409 where a locked task runs with it; `data` is replaced as a whole.",
            "delete": "409 where a task has it.",
        },
    ),
)
add_routes(
    router,
    Records(
        prefix="/prod-requests",
        tag="production requests",
        name="prod_request",
        words="production request",
        view=ProdRequestView,
        form=ProdRequestForm,
        example={
            "requestor": "inclusive",
            "simu_path": "EVGEN/DIS/NC/10x100",
            "nevents": 1_000_000,
            "priority": 1,
        },
        changes_example={"status": "review"},
        filters=queries.ProdRequestFilter,
        find=queries.prod_requests,
        get=lambda session, key: by_key(session, ProdRequest, key),
        add=production.add_request,
        change=production.change_request,
        delete=production.delete_request,
        texts={"add": "Its status is free text.", "delete": "Tasks that were made for it stay."},
    ),
)

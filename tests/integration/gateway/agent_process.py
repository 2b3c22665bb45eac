"""An agent as the gateway meets it: its API over what a JSON file says; run with socket and file.

The file holds `functions`, `deployed`, and `instances` by "tenant/function".
"""

import json
import sys
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel


class Wanted(BaseModel):
    tenant: str
    function: str
    waiting: int = 0


def build(state: Path) -> FastAPI:
    app = FastAPI()
    asked: dict[str, int] = {}
    waited: dict[str, int] = {}

    def known() -> dict[str, Any]:
        content: dict[str, Any] = json.loads(state.read_text())
        return content

    @app.get("/v1/functions")
    def functions() -> Any:
        content = known()
        return {"functions": content["functions"], "deployed": content.get("deployed", [])}

    @app.post("/v1/instances")
    def instances(wanted: Wanted) -> Any:
        name = f"{wanted.tenant}/{wanted.function}"
        asked[name] = asked.get(name, 0) + 1
        waited[name] = max(waited.get(name, 0), wanted.waiting)
        found = known()["instances"].get(name)
        if found is None:
            problem = {"type": "urn:gridfaas:problem:start-failed", "detail": "it would not start"}
            return JSONResponse(problem, 503, media_type="application/problem+json")
        return {"version": 1, "instances": found}

    @app.post("/v1/ledger")
    async def ledger(request: Request, zone: str, segment: str, offset: int) -> Any:
        if segment == "away":
            problem = {"detail": f"the parent does not answer for {zone}"}
            return JSONResponse(problem, 503, media_type="application/problem+json")
        return {"next": offset + len(await request.body())}

    @app.get("/asked")
    def times_asked() -> Any:
        return asked

    @app.get("/waited")
    def most_that_waited() -> Any:
        return waited

    @app.get("/metrics")
    def metrics() -> Any:
        return PlainTextResponse("gridfaas_zygote_up 1.0\n")

    @app.get("/readyz")
    def ready() -> Any:
        return {"ready": True}

    return app


if __name__ == "__main__":
    uvicorn.run(build(Path(sys.argv[2])), uds=sys.argv[1], ws="none", log_level="warning")

import pytest
pytest_plugins=["tests.rest_fixtures"]
from api.auth import create_token
from flows.common.database import transaction
def test_x(api, database):
    with transaction(database.ops_engine) as s: key=create_token(s,"a")
    h={"Authorization":f"Token {key}"}
    def show(r): print(r.status_code, r.text[:400])
    show(api.get("/api/runs/"))
    show(api.post("/api/runs/",json={"run_number":"100123","start_time":"2026-01-01T00:00:00"},headers=h))
    show(api.post("/api/runs/",json={"run_number":"100123","start_time":"2026-01-01T00:00:00"},headers=h))
    show(api.post("/api/runs/",json={"run_number":True,"run_conditions":[]},headers=h))
    show(api.post("/api/runs/",json=[],headers=h))
    show(api.post("/api/stf-files/",json={"run":1,"stf_filename":"a.stf","metadata":{"a":1}},headers=h))
    show(api.post("/api/stf-files/",json={"run":77,"stf_filename":"b.stf","metadata":{"a":1},"status":"REGISTERED"},headers=h))
    show(api.post("/api/stf-files/",json={"run":77,"stf_filename":"b.stf"},headers=h))
    show(api.post("/api/fastmon-files/",json={"stf_file":"a.stf","tf_filename":"a_tf_001.tf"},headers=h))
    show(api.post("/api/fastmon-files/",json={"stf_file":None,"tf_filename":"a_tf_001.tf\x00","status":None,"file_size_bytes":-1},headers=h))
    for p in ("stf-files","fastmon-files","runs"):
        show(api.get(f"/api/{p}/")); show(api.get(f"/api/{p}/?limit=1&run_number=100123")); show(api.get(f"/api/{p}/zz/"))
        r=api.get(f"/api/{p}/").json()[0]; k=list(r.values())[0]
        show(api.patch(f"/api/{p}/{k}/",json={"metadata":{"b":2},"status":"done"},headers=h))
    show(api.delete("/api/runs/1/",headers=h))
    show(api.get("/api/stf-files/"))
    show(api.delete("/api/runs/1/",headers=h))
    show(api.delete("/api/runs/1/"))
    import json; d=api.get("/openapi.json").json(); print(list(d["paths"]))

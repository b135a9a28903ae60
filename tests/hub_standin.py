"""A stand-in of the Hub's HTTP API on the loopback address: enough to create, push to and load from one repository.

It keeps what it is sent in ``Hub.files`` and every request in ``Hub.log``. Files named ``*.safetensors`` go the LFS
way, the others come inline with the commit, as the real one asks for.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SHA = "a" * 40


class Hub(ThreadingHTTPServer):
    def __init__(self, token: str):
        super().__init__(("127.0.0.1", 0), Handler)
        self.token, self.files, self.blobs, self.repos, self.log = token, {}, {}, {}, []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def reply(self, data, status: int = 200, **headers):
        body = data if isinstance(data, bytes) else json.dumps(data).encode()
        self.send_response(status)
        for name, value in ({"Content-Length": len(body)} | headers).items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refused(self) -> bool:
        """Whether the token is wrong; if so the answer repeats it, so that a test sees who would show it."""
        sent = self.headers.get("Authorization")
        if wrong := sent != f"Bearer {self.server.token}":
            self.reply({"error": f"refused: {sent}"}, 401, X_Error_Message=f"refused: {sent}")
        return wrong

    def do_GET(self):
        hub, path = self.server, self.path.split("?")[0]
        hub.log.append(f"{self.command} {path}")
        if self.refused():
            return
        name = path.split("/resolve/")[-1].partition("/")[2]
        if "/resolve/" in path and name in hub.files:
            data = hub.files[name]
            digest = hashlib.sha256(data).hexdigest()
            return self.reply(data, X_Repo_Commit=SHA, ETag=f'"{digest}"', X_Linked_Size=len(data))
        if path.startswith("/api/models/") and "/resolve/" not in path:
            tree = [{"type": "file", "path": p, "size": len(d), "oid": SHA} for p, d in sorted(hub.files.items())]
            info = {"id": next(iter(hub.repos), "none"), "sha": SHA, "private": True, "tags": [], "downloads": 0}
            return self.reply(tree if "/tree/" in path else info | {"siblings": [{"rfilename": p} for p in hub.files]})
        self.reply({"error": "Entry not found"}, 404, X_Error_Code="EntryNotFound", X_Repo_Commit=SHA)

    do_HEAD = do_GET

    def do_PUT(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.log.append("PUT blob")
        self.server.blobs[hashlib.sha256(data).hexdigest()] = data
        self.reply(b"")

    def do_POST(self):
        hub, path = self.server, self.path.split("?")[0]
        body = (
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if "chunked" not in str(self.headers.get("Transfer-Encoding"))
            else b"".join(self.chunks())
        )
        hub.log.append(f"POST {path}")
        if self.refused():
            return
        lines = [json.loads(line) for line in body.splitlines() if line]
        if path == "/api/repos/create":
            name = f"{lines[0]['organization']}/{lines[0]['name']}"
            hub.repos[name] = lines[0]
            return self.reply({"url": f"{hub.url}/{name}", "name": name})
        if path == "/api/validate-yaml":
            return self.reply({"errors": [], "warnings": []})
        if "/preupload/" in path:
            modes = {f["path"]: "lfs" if f["path"].endswith(".safetensors") else "regular" for f in lines[0]["files"]}
            files = [{"path": p, "uploadMode": mode, "shouldIgnore": False, "oid": None} for p, mode in modes.items()]
            return self.reply({"files": files})
        if path.endswith("/info/lfs/objects/batch"):
            put = {"upload": {"href": f"{hub.url}/blob", "header": {}}}
            objects = [{**o, "actions": put} for o in lines[0]["objects"]]
            return self.reply({"transfer": "basic", "objects": objects}, Content_Type="application/vnd.git-lfs+json")
        if "/commit/" in path:
            for line in lines:
                value = line["value"]
                if line["key"] == "file":
                    hub.files[value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    hub.files[value["path"]] = hub.blobs[value["oid"]]
            return self.reply({"commitUrl": f"{hub.url}/{next(iter(hub.repos))}/commit/{SHA}", "commitOid": SHA})
        self.reply({"error": f"not made: {path}"}, 404)

    def chunks(self):
        while size := int(self.rfile.readline(), 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

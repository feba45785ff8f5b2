#!/bin/sh
# A POST that also offers "Upgrade: h2c", as some HTTP/2-capable clients send their first cleartext
# request: RFC 9110, 7.8 lets a server ignore the offer and answer the request as HTTP/1.1.
# uvicorn on h11 hands the body to the application; on httptools the application gets none.
# Exits 0 while that is so.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    uvicorn==0.54.0 httptools==0.9.0 h11==0.16.0 2>/dev/null
cat > "$folder/seen.py" <<'PYTHON'
import asyncio, socket, threading
import h11, httptools, uvicorn

SENT = b'{"title": "Notes"}'
HEAD = (
    b"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\n"
    b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n"
    b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(SENT)
)

async def echo(scope, receive, send):
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    length = str(len(body)).encode()
    headers = [(b"content-length", length), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})

def received(implementation):
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(echo, http=implementation, ws="none", lifespan="off", log_level="error")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[listener])))
    thread.start()
    with socket.create_connection(listener.getsockname(), timeout=10) as client:
        client.sendall(HEAD + SENT)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
    server.should_exit = True
    thread.join()
    return answer.partition(b"\r\n\r\n")[2]

print(f"uvicorn {uvicorn.__version__}, httptools {httptools.__version__}, h11 {h11.__version__}")
seen = {name: received(name) for name in ("h11", "httptools")}
for name, body in seen.items():
    print(f"  on {name}: the application received {len(body)} of {len(SENT)} bytes: {body!r}")
raise SystemExit(seen != {"h11": SENT, "httptools": b""})
PYTHON
"$folder/venv/bin/python" "$folder/seen.py"

#!/usr/bin/env python3
"""Run a real Synapse (from PyPI) as a federation peer on loopback.

Long because it is one program without dependencies: configuration, certificates, start and stop of one peer.

    synapse_peer.py setup --dir D [--server-name localhost:18448] [--ca-cert CA.pem --ca-key CA.key] ...
    synapse_peer.py start --dir D            # prints one JSON object, see `describe`
    synapse_peer.py register --dir D --user alice [--admin]
    synapse_peer.py status --dir D
    synapse_peer.py stop  --dir D

`setup` makes a virtual environment (or reuses one), writes a config, a signing key and a
TLS certificate signed by the CA you name; a CA that does not exist yet is created, so two
peers (or a peer and the server under test) that name the same CA files trust each other.
`start` returns when the server answers /versions on its client port *and* /version on its
federation port. Nothing ever leaves loopback: the peer has no trusted key server, no URL
previews, no push, no statistics.

Only the standard library is used here, but for `_issue-cert`, which this script runs in
the virtual environment (cryptography is there because Synapse needs it).
"""

import argparse
import datetime
import hashlib
import hmac
import http.client
import ipaddress
import json
import os
import secrets
import signal
import ssl
import subprocess
import sys
import time
from base64 import b64encode
from pathlib import Path

UNLIMITED = {"per_second": 100_000, "burst_count": 100_000}
STATE_FILE = "peer.json"
PID_FILE = "synapse.pid"


# --- setup ------------------------------------------------------------------------------


def host_of(server_name: str) -> str:
    """'localhost:18448' -> 'localhost', '[::1]:8448' -> '::1', '127.0.0.2:1' -> '127.0.0.2'"""
    if server_name.startswith("["):
        return server_name[1 : server_name.index("]")]
    return server_name.split(":", 1)[0]


def port_of(server_name: str) -> int | None:
    tail = server_name.rsplit("]", 1)[-1] if server_name.startswith("[") else server_name
    return int(tail.rsplit(":", 1)[1]) if ":" in tail else None


def is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
        return True
    except ValueError:
        return False


def ensure_venv(venv: Path, requirement: str, nice: int) -> None:
    python = venv / "bin" / "python"
    if not python.exists():
        run_nice([sys.executable, "-m", "venv", str(venv)], nice)
    probe = subprocess.run([str(python), "-c", "import synapse.app.homeserver"], capture_output=True)
    if probe.returncode != 0:
        run_nice([str(python), "-m", "pip", "install", "--quiet", "--only-binary=matrix-synapse", requirement], nice)


def run_nice(argv: list[str], nice: int) -> None:
    subprocess.run(["nice", "-n", str(nice), *argv], check=True, stdout=sys.stderr)


def write_private(path: Path, text: str) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w") as f:
        f.write(text)


def synapse_config(a: argparse.Namespace, d: Path, tls_cert: Path, tls_key: Path, shared_secret: str) -> dict:
    config = {
        "server_name": a.server_name,
        "public_baseurl": f"http://{a.bind}:{a.client_port}/",
        "pid_file": str(d / "unused.pid"),
        "listeners": [
            {
                "type": "http", "port": a.client_port, "bind_addresses": [a.bind], "tls": False,
                "x_forwarded": False, "resources": [{"names": ["client"], "compress": False}],
            },
            {
                "type": "http", "port": a.federation_port, "bind_addresses": [a.bind], "tls": True,
                "x_forwarded": False, "resources": [{"names": ["client", "federation"], "compress": False}],
            },
        ],
        # -- what makes federation work between loopback addresses with a private CA --
        "tls_certificate_path": str(tls_cert),
        "tls_private_key_path": str(tls_key),
        "federation_custom_ca_list": [str(p) for p in a.trust],  # replaces the system's CAs
        "ip_range_blacklist": [],  # the default refuses 127/8, ::1, 10/8 and so on
        "trusted_key_servers": [],  # otherwise every key is looked up at matrix.org
        "suppress_key_server_warning": True,
        # Come back quickly when the peer was down: tests stop and start servers.
        "federation": {
            "client_timeout": "10s",
            "max_short_retries": 1,
            "max_long_retries": 2,
            "max_long_retry_delay": "2s",
            "destination_min_retry_interval": a.retry_interval_ms,
            "destination_retry_multiplier": 1,
            "destination_max_retry_interval": a.retry_interval_ms,
        },
        "federation_rr_transactions_per_room_per_second": 1000,
        "allow_public_rooms_over_federation": True,
        "room_list_publication_rules": [{"action": "allow"}],
        "allow_device_name_lookup_over_federation": True,
        # -- storage and identity --
        "database": {"name": "sqlite3", "args": {"database": str(d / "homeserver.db")}},
        "media_store_path": str(d / "media"),
        "signing_key_path": str(d / "signing.key"),
        "log_config": str(d / "log.config"),
        "macaroon_secret_key": secrets.token_hex(16),
        "form_secret": secrets.token_hex(16),
        "registration_shared_secret": shared_secret,
        "enable_registration": a.open_registration,
        "enable_registration_without_verification": a.open_registration,
        # -- nothing that calls out --
        "report_stats": False,
        "url_preview_enabled": False,
        "push": {"enabled": False},
        # -- nothing that slows a test down on purpose --
        "bcrypt_rounds": 4,
        "presence": {"enabled": a.presence},
        **({"default_room_version": a.room_version} if a.room_version else {}),
    }
    if not a.keep_rate_limits:
        config |= {
            name: UNLIMITED
            for name in (
                "rc_message", "rc_registration", "rc_registration_token_validity", "rc_admin_redaction",
                "rc_joins_per_room", "rc_key_requests", "rc_3pid_validation", "rc_third_party_invite",
                "rc_media_create", "rc_delayed_event_mgmt", "rc_room_creation", "rc_reports",
                "rc_user_directory", "rc_profile",
            )
        }
        config |= {
            "rc_login": {"address": UNLIMITED, "account": UNLIMITED, "failed_attempts": UNLIMITED},
            "rc_joins": {"local": UNLIMITED, "remote": UNLIMITED},
            "rc_invites": {"per_room": UNLIMITED, "per_user": UNLIMITED, "per_issuer": UNLIMITED},
            "rc_presence": {"per_user": UNLIMITED},
            "rc_federation": {
                "window_size": 1000, "sleep_limit": 100_000, "sleep_delay": 0, "reject_limit": 100_000,
                "concurrent": 100,
            },
        }
    if a.turn_uri:
        config |= {"turn_uris": a.turn_uri, "turn_shared_secret": a.turn_secret, "turn_user_lifetime": "1h"}
    for item in a.set:
        key, _, value = item.partition("=")
        config[key] = json.loads(value)
    return config


def log_config(d: Path, level: str) -> dict:
    return {
        "version": 1,
        "formatters": {"p": {"format": "%(asctime)s %(name)s:%(lineno)d %(levelname)s %(request)s %(message)s"}},
        "handlers": {"f": {"class": "logging.FileHandler", "formatter": "p", "filename": str(d / "homeserver.log")}},
        "root": {"level": level, "handlers": ["f"]},
        "disable_existing_loggers": False,
    }


def cmd_setup(a: argparse.Namespace) -> dict:
    d = a.dir.resolve()
    d.mkdir(parents=True, exist_ok=True)
    host = host_of(a.server_name)
    a.bind = a.bind or (host if is_ip(host) else "127.0.0.1")
    if not ipaddress.ip_address(a.bind).is_loopback and not a.allow_any_bind:
        sys.exit(f"--bind {a.bind} is not a loopback address (say --allow-any-bind inside a network namespace)")
    a.federation_port = a.federation_port or port_of(a.server_name) or 8448
    a.client_port = a.client_port or a.federation_port + 1
    venv = (a.venv or d / "venv").resolve()
    ensure_venv(venv, f"matrix-synapse=={a.synapse_version}" if a.synapse_version else "matrix-synapse", a.nice)

    ca_cert = (a.ca_cert or d / "ca.pem").resolve()
    ca_key = (a.ca_key or ca_cert.with_suffix(".key")).resolve()
    a.trust = [ca_cert, *(p.resolve() for p in a.trust_ca)]
    if a.tls_cert:
        tls_cert, tls_key = a.tls_cert.resolve(), a.tls_key.resolve()
    else:
        tls_cert, tls_key = d / "tls.pem", d / "tls.key"
        names = [host, a.bind, *a.san]
        run_nice(
            [str(venv / "bin" / "python"), str(Path(__file__).resolve()), "_issue-cert", "--ca-cert", str(ca_cert),
             "--ca-key", str(ca_key), "--cert", str(tls_cert), "--key", str(tls_key),
             *(x for n in dict.fromkeys(names) for x in ("--san", n))],
            a.nice,
        )

    signing_key = d / "signing.key"
    if not signing_key.exists():
        seed = b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        write_private(signing_key, f"ed25519 a_{secrets.token_hex(2)} {seed}\n")
    shared_secret = a.registration_shared_secret or secrets.token_hex(16)
    config = synapse_config(a, d, tls_cert, tls_key, shared_secret)
    # JSON is YAML; Synapse reads it as its config.
    write_private(d / "homeserver.yaml", json.dumps(config, indent=2) + "\n")
    write_private(d / "log.config", json.dumps(log_config(d, a.log_level), indent=2) + "\n")
    state = {
        "server_name": a.server_name,
        "bind": a.bind,
        "client_port": a.client_port,
        "federation_port": a.federation_port,
        "client_url": f"http://{a.bind}:{a.client_port}",
        "federation_url": f"https://{a.bind}:{a.federation_port}",
        "ca_cert": str(ca_cert),
        "ca_key": str(ca_key),
        "registration_shared_secret": shared_secret,
        "config": str(d / "homeserver.yaml"),
        "log": str(d / "homeserver.log"),
        "venv": str(venv),
    }
    if (d / STATE_FILE).exists() and (admin := load(d).get("admin")):
        state["admin"] = admin  # the database, if it is still there, knows this user
    save(d, state)
    return state


def cmd_issue_cert(a: argparse.Namespace) -> None:
    """Runs inside the virtual environment. Makes the CA if it is missing, then a leaf for --san."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    now = datetime.datetime.now(datetime.timezone.utc)
    pem = serialization.Encoding.PEM

    def dump_key(key, path: Path) -> None:
        write_private(
            path,
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode(),
        )

    def builder(subject: str, issuer: x509.Name, public_key, days: int) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject[:64])]))
            .issuer_name(issuer)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=days))
        )

    if not a.ca_cert.exists():
        ca_key = ec.generate_private_key(ec.SECP256R1())
        name = "loopback test CA"
        ca = (
            builder(name, x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), ca_key.public_key(), 3650)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(
                x509.KeyUsage(
                    digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
                    key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
                    decipher_only=False,
                ),
                critical=True,
            )
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key()), critical=False)
            .sign(ca_key, hashes.SHA256())
        )
        dump_key(ca_key, a.ca_key)
        a.ca_cert.write_bytes(ca.public_bytes(pem))
    ca = x509.load_pem_x509_certificate(a.ca_cert.read_bytes())
    ca_key = serialization.load_pem_private_key(a.ca_key.read_bytes(), password=None)

    key = ec.generate_private_key(ec.SECP256R1())
    alt = [x509.IPAddress(ipaddress.ip_address(n)) if is_ip(n) else x509.DNSName(n) for n in a.san]
    leaf = (
        builder(a.san[0], ca.subject, key.public_key(), 825)
        .add_extension(x509.SubjectAlternativeName(alt), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    dump_key(key, a.key)
    a.cert.write_bytes(leaf.public_bytes(pem))


# --- talking to it ----------------------------------------------------------------------


def request(
    base: str, method: str, path: str, body: dict | None = None, ca: str | None = None, timeout: float = 10
) -> tuple[int, dict]:
    scheme, _, address = base.partition("://")
    if scheme == "https":
        context = ssl.create_default_context(cafile=ca)
        connection = http.client.HTTPSConnection(address, timeout=timeout, context=context)
    else:
        connection = http.client.HTTPConnection(address, timeout=timeout)
    try:
        data = None if body is None else json.dumps(body).encode()
        connection.request(method, path, data, {"Content-Type": "application/json"} if data else {})
        response = connection.getresponse()
        raw = response.read()
        try:
            return response.status, json.loads(raw)
        except ValueError:
            return response.status, {}
    finally:
        connection.close()


def register(state: dict, user: str, password: str, admin: bool) -> dict:
    """Registers through Synapse's shared-secret admin API; the answer holds an access token."""
    path = "/_synapse/admin/v1/register"
    _, answer = request(state["client_url"], "GET", path)
    nonce = answer["nonce"]
    fields = [nonce, user, password, "admin" if admin else "notadmin"]
    mac = hmac.new(
        state["registration_shared_secret"].encode(), b"\0".join(f.encode() for f in fields), hashlib.sha1
    ).hexdigest()
    status, answer = request(
        state["client_url"], "POST", path,
        {"nonce": nonce, "username": user, "password": password, "admin": admin, "mac": mac},
    )
    if status != 200:
        raise RuntimeError(f"register {user}: {status} {answer}")
    return {"user_id": answer["user_id"], "device_id": answer["device_id"], "access_token": answer["access_token"],
            "password": password}


def login(state: dict, user: str, password: str) -> dict:
    status, answer = request(
        state["client_url"], "POST", "/_matrix/client/v3/login",
        {"type": "m.login.password", "identifier": {"type": "m.id.user", "user": user}, "password": password},
    )
    if status != 200:
        raise RuntimeError(f"login {user}: {status} {answer}")
    return {"user_id": answer["user_id"], "device_id": answer["device_id"], "access_token": answer["access_token"],
            "password": password}


# --- running it -------------------------------------------------------------------------


def save(d: Path, state: dict) -> None:
    write_private(d / STATE_FILE, json.dumps(state, indent=2) + "\n")


def load(d: Path) -> dict:
    try:
        return json.loads((d / STATE_FILE).read_text())
    except FileNotFoundError:
        sys.exit(f"{d}: run `setup` first")


def running_pid(d: Path) -> int | None:
    """The pid in the pid file, if that process is (still) this peer's Synapse."""
    try:
        pid = int((d / PID_FILE).read_text())
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return pid if str(d / "homeserver.yaml").encode() in argv else None


def cmd_start(a: argparse.Namespace) -> dict:
    d = a.dir.resolve()
    state = load(d)
    if pid := running_pid(d):
        sys.exit(f"{d}: already running as {pid}")
    began = time.monotonic()
    with open(d / "stdout.log", "ab") as out:
        child = subprocess.Popen(
            ["nice", "-n", str(a.nice), state["venv"] + "/bin/python", "-m", "synapse.app.homeserver",
             "--config-path", str(d / "homeserver.yaml")],
            cwd=d, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
        )
    (d / PID_FILE).write_text(f"{child.pid}\n")
    deadline = began + a.timeout
    waiting_for = [
        (state["client_url"], "/_matrix/client/versions", None),
        (state["federation_url"], "/_matrix/federation/v1/version", state["ca_cert"]),
    ]
    while waiting_for:
        base, path, ca = waiting_for[0]
        try:
            if request(base, "GET", path, ca=ca, timeout=2)[0] == 200:
                waiting_for.pop(0)
                if len(waiting_for) == 1:
                    state["startup_seconds"] = round(time.monotonic() - began, 3)
                continue
        except ssl.SSLCertVerificationError as e:
            child.terminate()
            sys.exit(f"{base}: our own certificate does not verify against {ca}: {e}")
        except (OSError, http.client.HTTPException):
            pass
        if child.poll() is not None:
            tail = (d / "stdout.log").read_text(errors="replace")[-3000:]
            sys.exit(f"synapse ended with {child.returncode} before it answered:\n{tail}")
        if time.monotonic() > deadline:
            child.terminate()
            sys.exit(f"synapse did not answer in {a.timeout} s, see {state['log']}")
        time.sleep(0.05)
    state["pid"] = child.pid
    if "admin" in state:
        state["admin"] |= login(state, a.admin_user, state["admin"]["password"])
    else:
        state["admin"] = register(state, a.admin_user, secrets.token_urlsafe(12), admin=True)
    save(d, state)
    return describe(state)


def describe(state: dict) -> dict:
    """What `start` prints: everything a test needs to drive this peer."""
    return {
        "server_name": state["server_name"],
        "client_url": state["client_url"],
        "federation_url": state["federation_url"],
        "client_port": state["client_port"],
        "federation_port": state["federation_port"],
        "pid": state["pid"],
        "startup_seconds": state["startup_seconds"],
        "admin_user": state["admin"]["user_id"],
        "admin_token": state["admin"]["access_token"],
        "registration_shared_secret": state["registration_shared_secret"],
        "ca_cert": state["ca_cert"],
        "log": state["log"],
    }


def cmd_stop(a: argparse.Namespace) -> dict:
    d = a.dir.resolve()
    pid = running_pid(d)
    if pid is None:
        return {"stopped": False}
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + a.timeout
    while running_pid(d) and time.monotonic() < deadline:
        time.sleep(0.05)
    killed = running_pid(d) is not None
    if killed:
        os.kill(pid, signal.SIGKILL)
    (d / PID_FILE).unlink(missing_ok=True)
    return {"stopped": True, "killed": killed}


def cmd_status(a: argparse.Namespace) -> dict:
    d = a.dir.resolve()
    pid = running_pid(d)
    answer = {"running": pid is not None, "pid": pid, "server_name": load(d)["server_name"]}
    if pid:
        fields = dict(
            line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line
        )
        answer["rss_kib"] = int(fields["VmRSS"].split()[0])
    return answer


def cmd_register(a: argparse.Namespace) -> dict:
    return register(load(a.dir.resolve()), a.user, a.password or secrets.token_urlsafe(12), a.admin)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sub = parser.add_subparsers(dest="command", required=True)

    def command(name: str, run, **kw) -> argparse.ArgumentParser:
        p = sub.add_parser(name, **kw)
        p.set_defaults(run=run)
        p.add_argument("--dir", type=Path, required=True, help="the peer's own folder")
        p.add_argument("--nice", type=int, default=0)
        return p

    p = command("setup", cmd_setup, help="install Synapse, write config, keys and certificate")
    p.add_argument("--server-name", default="localhost:18448", help="default: %(default)s; give an explicit port")
    p.add_argument("--bind", help="listen address (default: the server name's address, or 127.0.0.1)")
    p.add_argument("--allow-any-bind", action="store_true", help="allow a --bind outside loopback (own netns only)")
    p.add_argument("--client-port", type=int, help="plain HTTP (default: federation port + 1)")
    p.add_argument("--federation-port", type=int, help="TLS (default: the server name's port)")
    p.add_argument("--ca-cert", type=Path, help="CA to trust and be signed by; made if it does not exist")
    p.add_argument("--ca-key", type=Path, help="its key (default: the CA file with suffix .key)")
    p.add_argument("--trust-ca", type=Path, action="append", default=[], help="one more CA to trust (repeatable)")
    p.add_argument("--tls-cert", type=Path, help="use this certificate instead of issuing one")
    p.add_argument("--tls-key", type=Path)
    p.add_argument("--san", action="append", default=[], help="one more name or address in the certificate")
    p.add_argument("--venv", type=Path, help="virtual environment to make or reuse (default: DIR/venv)")
    p.add_argument("--synapse-version", help="exact version from PyPI (default: the newest)")
    p.add_argument("--room-version", help="default_room_version")
    p.add_argument("--open-registration", action="store_true", help="let clients register with m.login.dummy")
    p.add_argument("--registration-shared-secret", help="for /_synapse/admin/v1/register (default: random)")
    p.add_argument("--presence", action="store_true")
    p.add_argument("--keep-rate-limits", action="store_true")
    p.add_argument("--retry-interval-ms", type=int, default=500, help="wait before an unreachable peer is tried again")
    p.add_argument("--turn-uri", action="append", default=[])
    p.add_argument("--turn-secret", default="")
    p.add_argument("--log-level", default="WARNING")
    p.add_argument("--set", action="append", default=[], metavar="KEY=JSON", help="set a top-level config key")

    p = command("start", cmd_start, help="start it, wait until it answers, print JSON")
    p.add_argument("--timeout", type=float, default=120)
    p.add_argument("--admin-user", default="admin")
    p = command("stop", cmd_stop, help="SIGTERM, then SIGKILL")
    p.add_argument("--timeout", type=float, default=20)
    command("status", cmd_status)
    p = command("register", cmd_register, help="make a user, print its access token")
    p.add_argument("--user", required=True)
    p.add_argument("--password")
    p.add_argument("--admin", action="store_true")

    p = sub.add_parser("_issue-cert")
    p.set_defaults(run=cmd_issue_cert)
    for name in ("--ca-cert", "--ca-key", "--cert", "--key"):
        p.add_argument(name, type=Path, required=True)
    p.add_argument("--san", action="append", required=True)

    a = parser.parse_args()
    if getattr(a, "tls_cert", None) and not a.tls_key:
        parser.error("--tls-cert needs --tls-key")
    answer = a.run(a)
    if answer is not None:
        print(json.dumps(answer, indent=2))


if __name__ == "__main__":
    main()

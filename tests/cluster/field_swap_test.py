#!/usr/bin/env python3
"""Two tenants of one worker: no request that the second can make reads what is the first's. Tried with
every call that proto/ has, every field of its request, and every token, as they are found there: what
is added to the wire is tried without an edit, or this says what it needs to know for that.

Out of reach are the first's own tokens: who has one is the first tenant. Where they are shown below,
it is in another place than theirs."""

import itertools
import json
import os
import re
import sys
from pathlib import Path

try:
    import grpc  # noqa: F401
    from google import protobuf  # noqa: F401
except ImportError:  # Debian's packages are for Debian's Python, which may not be the first on PATH
    if sys.executable == "/usr/bin/python3":
        raise
    os.execv("/usr/bin/python3", ["/usr/bin/python3", "-B", *sys.argv])

sys.path.insert(0, str(Path(__file__).resolve().parent))
import blake3  # noqa: E402
import cluster_case  # noqa: E402
import sent_manifest  # noqa: E402
import wire_schema as schema  # noqa: E402
from refusal_test import decoded, with_claims  # noqa: E402
from two_tenants_case import (FIRST, MARKER, PRIVATE_IMAGE, SCHEDULER, SECOND, WORKER,  # noqa: E402
                              Code, TwoTenantsTest, ask)

# Spoken on a byte stream between a worker and its own sandbox, and on no network.
OUT_OF_REACH = {"hpcc.agent.v1.Agent"}
# What gRPC's libraries can serve besides, if somebody switches it on.
NOT_SERVED = ["/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
              "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
              "/grpc.channelz.v1.Channelz/GetServers", "/grpc.health.v1.Health/Check",
              "/envoy.service.status.v3.ClientStatusDiscoveryService/FetchClientStatus"]
# Whose bearer a call wants, where no client and no worker makes it by itself.
BEARERS = {"ReportSandboxLost": "secret"}
# What makes the first tenant the first tenant: whoever has that may ask for what is the first's.
CREDENTIALS = {"hpcc.scheduler.v1.AuthenticateRequest.token"}


class FieldSwap(TwoTenantsTest):
    numbers = itertools.count()

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The first tenant's word for what its client leaves empty, or is the same for both.
        # A field of yes or no needs none: it is tried with what the second does not say.
        job, sandbox = cls.row["job_id"], cls.row["sandbox"]
        trace = "00-%s-%s-01" % ("a" * 32, "b" * 16)
        cls.known = {
            "hpcc.scheduler.v1.RouteRequest.image": PRIVATE_IMAGE,
            "hpcc.scheduler.v1.RouteRequest.avoid_worker": "second-worker",
            "hpcc.scheduler.v1.RouteRequest.avoid_workers": ["second-worker"],
            "hpcc.scheduler.v1.RouteRequest.isolation": cls.row["isolation"],
            "hpcc.scheduler.v1.HeartbeatRequest.in_flight": 1,
            "hpcc.scheduler.v1.ReportSandboxLostRequest.worker": "dev-worker",
            "hpcc.scheduler.v1.ReportSandboxLostRequest.tenant": FIRST,
            "hpcc.scheduler.v1.ReportSandboxLostRequest.image": "host",
            "hpcc.scheduler.v1.ReportSandboxLostRequest.sandbox": sandbox,
            "hpcc.scheduler.v1.ReportSandboxLostRequest.reason": "said by the first tenant",
            "hpcc.worker.v1.CompileRequest.client_job": job.encode(),
            "hpcc.worker.v1.CompileRequest.traceparent": trace,
        }
        cls.methods = [method for name in (SCHEDULER, WORKER)
                       for method in cls.services[name].methods]

    def setUp(self):
        super().setUp()
        self.finished = []  # (which request, Finished) the second tenant got

    # --- requests, and tokens for them

    def requests_of(self, tenant, method):
        """As the tenant makes them; what nobody makes by himself is made of known words."""
        sent = self.sent(tenant, method)
        if sent and tenant == SECOND and method.name == "UploadBlobs":
            return [self.fresh_blob(sent[0])]
        if sent:
            return sent
        message = schema.new_message(method.input_type)
        if tenant == FIRST:
            for path in schema.fields(method.input_type):
                if path[-1].message_type is None:
                    message = schema.with_value(message, path, self.word_for(path))
        return [message]

    def fresh_blob(self, sent):
        """One the worker has not got yet: of one that it has, it reads nothing but the digest."""
        blob = schema.copied(sent)
        blob.data = b"int fresh_%d;\n" % next(self.numbers)
        blob.digest, blob.size = blake3.digest(blob.data), len(blob.data)
        return blob

    def word_for(self, path):
        name = path[-1].full_name
        if name not in self.known:
            self.fail("%s is new, or both tenants say the same there: add the first tenant's word for "
                      "it to `known`" % name)
        return self.known[name]

    def firsts_value(self, path, first, second):
        """Of a field, and not what the second tenant says there."""
        value, other = schema.value_of(first, path), schema.value_of(second, path)
        if value != other and path[-1].full_name not in self.known:
            return value
        return not other if path[-1].type == path[-1].TYPE_BOOL else self.word_for(path)

    def swapped(self, method):
        """(what was done, the requests) for each field."""
        first, second = self.requests_of(FIRST, method), self.requests_of(SECOND, method)
        for path in schema.fields(method.input_type):
            name = schema.name_of(path)
            theirs = self.firsts_value(path, first[0], second[0])
            own = schema.value_of(second[0], path)
            yield "first's " + name, [schema.with_value(second[0], path, theirs), *second[1:]]
            if schema.is_repeated(path[-1]):
                both = [*own, *theirs]
                yield "also " + name, [schema.with_value(second[0], path, both), *second[1:]]
            if path[-1].full_name not in CREDENTIALS:
                without = self.without_credentials(method, first[0])
                value = own if own != schema.value_of(first[0], path) else theirs
                # And none of the messages behind it: whoever sends a whole blob has it.
                yield "all but " + name, [schema.with_value(without, path, value)]

    def without_credentials(self, method, message):
        own = self.requests_of(SECOND, method)[0]
        for path in schema.fields(method.input_type):
            if path[-1].full_name in CREDENTIALS:
                message = schema.with_value(message, path, schema.value_of(own, path))
        return message

    def bearer_of(self, method):
        """What kind of token a call is made with: a key of `bearers`."""
        calls = {**self.worker_calls, **self.calls[FIRST]}
        call = calls.get(schema.path_of(method))
        if call is None:
            if method.name not in BEARERS:
                self.fail("%s is new, and no client makes it by itself: say in BEARERS whose bearer it "
                          "wants" % method.full_name)
            return BEARERS[method.name]
        kinds = [kind for kind, token in self.bearers(FIRST).items() if token == call.bearer]
        self.assertEqual(1, len(kinds), method.full_name)
        return kinds[0]

    def bearers(self, tenant):
        return {"": "", "secret": self.worker_secret, **self.tokens[tenant]}

    def bearer(self, method, tenant):
        """The tenant's best for a call: its session, or its route."""
        kind = "session" if method.containing_service.full_name == SCHEDULER else "route"
        return self.tokens[tenant][kind]

    # --- asking

    def ask(self, method, requests, bearer):
        return ask(self.channels[method.containing_service.full_name], method, requests, bearer)

    def ask_as_second(self, method, requests, what):
        """Any answer that has nothing of the first tenant."""
        what = "%s, %s" % (method.name, what)
        answer = self.ask(method, requests, self.bearer(method, SECOND))
        self.assertNotIn(answer.code, (Code.INTERNAL, Code.UNKNOWN, Code.DEADLINE_EXCEEDED), what)
        self.assertEqual([], self.leaks(answer, requests), what)
        if self.bearer_of(method) == "secret":
            self.assertEqual(Code.UNAUTHENTICATED, answer.code, what)
        for message in self.parsed(method, answer):
            if method.output_type.name == "CompileReply" and message.HasField("finished"):
                self.assertNotIn(message.finished.cache_key, self.keys, what)
                self.finished.append((what, message.finished))
        if method.name == "FindMissingBlobs" and answer.code == Code.OK:
            asked = [digest for digest in requests[0].digests if digest in self.digests]
            missing = self.parsed(method, answer)[0].digests
            self.assertEqual([], [one.hex() for one in asked if one not in missing], what)
        return answer

    def parsed(self, method, answer):
        return [schema.parsed(method.output_type, message) for message in answer.messages]

    def reply(self, method, answer):
        """The last message; of an answer that is one."""
        self.assertEqual(Code.OK, answer.code, answer.everything)
        return self.parsed(method, answer)[-1]

    def check_finished(self):
        """Each is a job of the second tenant, and a hit only on what that had compiled before."""
        rows = {row["job_id"]: row for row in self.cluster.rows()}
        compiled = {row["cache_key"] for row in rows.values()
                    if row["tenant"] == SECOND and not row["hit"]}
        for what, finished in self.finished:
            row = rows[finished.job]
            self.assertEqual((SECOND, finished.cache_key.hex(), finished.hit),
                             (row["tenant"], row["cache_key"], row["hit"]), what)
            self.assertIn(row["cache_key"], compiled, what)

    def check_nothing_is_there(self):
        method = self.method(WORKER, "FindMissingBlobs")
        request = schema.new_message(method.input_type)
        request.digests.extend(self.digests)
        answer = self.ask_as_second(method, [request], "of what is the first's")
        self.assertEqual(len(self.digests), len(self.reply(method, answer).digests))

    # --- what the rest stands on

    def test_all_services_are_known(self):
        self.assertEqual({SCHEDULER, WORKER} | OUT_OF_REACH, set(self.services),
                         "a service is new: can a client reach it over the network?")

    def test_each_tenant_gets_what_is_its_own(self):
        """The same requests as below, and the tokens they belong to: these would show a leak."""
        for method in self.methods:
            kind = self.bearer_of(method)
            for tenant in (FIRST, SECOND):
                requests = self.requests_of(tenant, method)
                if kind == "secret" and tenant == SECOND:
                    continue
                answer = self.ask(method, requests, self.bearers(tenant)[kind])
                self.assertEqual(Code.OK, answer.code, (tenant, method.name, answer.everything))
                if tenant == SECOND:
                    self.assertEqual([], self.leaks(answer, requests), method.name)

    def test_the_first_tenants_answers_show_its_secrets(self):
        for name in ("ProbeCompileCache", "Compile"):
            method = self.method(WORKER, name)
            requests = self.requests_of(FIRST, method)
            answer = self.ask(method, requests, self.tokens[FIRST]["route"])
            finished = self.reply(method, answer).finished
            self.assertEqual((True, self.keys[0]), (finished.hit, finished.cache_key))
            found = self.leaks(answer, requests)
            for secret in (MARKER, self.object, self.keys[0]):
                self.assertIn(re.escape(secret), found)
        method = self.method(WORKER, "FindMissingBlobs")
        answer = self.ask(method, self.requests_of(FIRST, method), self.tokens[FIRST]["route"])
        self.assertEqual([], list(self.reply(method, answer).digests))
        method = self.method(SCHEDULER, "Route")
        answer = self.ask(method, self.requests_of(FIRST, method), self.tokens[FIRST]["session"])
        self.assertEqual(FIRST, claims_of(self.reply(method, answer).token)["tenant"])

    # --- fields

    def test_no_field_of_the_firsts_gets_the_second_anything(self):
        tried = []
        with self.nothing_of_the_firsts_changes():
            for method in self.methods:
                for what, requests in self.swapped(method):
                    with self.subTest(method=method.name, what=what):
                        tried.append(self.ask_as_second(method, requests, what).code)
            self.check_finished()
            self.check_nothing_is_there()
        self.assertTrue(self.finished)
        print("%d requests, %d of them answered" % (len(tried), tried.count(Code.OK)))

    def test_no_whole_request_of_the_firsts_gets_the_second_anything(self):
        """But for the upload, which says what it asks for: at the end, below."""
        codes = {}
        with self.nothing_of_the_firsts_changes():
            for method in self.methods:
                if method.name == "UploadBlobs":
                    continue
                first = self.requests_of(FIRST, method)
                requests = [self.without_credentials(method, first[0]), *first[1:]]
                answer = self.ask_as_second(method, requests, "the first's")
                codes[method.name] = answer.code
                if method.name == "ProbeCompileCache":
                    self.assertTrue(self.reply(method, answer).HasField("miss"))
                if method.name == "Compile":
                    self.assertIn(b"blobs are missing: 2", answer.everything)
                if method.name == "Route":
                    self.assertEqual(SECOND, claims_of(self.reply(method, answer).token)["tenant"])
        self.assertEqual([], self.finished)
        self.assertEqual(Code.UNAUTHENTICATED, codes["Authenticate"])
        self.assertEqual(Code.FAILED_PRECONDITION, codes["Compile"])

    def test_only_the_first_may_use_its_image(self):
        method = self.method(SCHEDULER, "Route")
        request = schema.new_message(method.input_type)
        request.image = PRIVATE_IMAGE
        code = {tenant: self.ask(method, [request], self.tokens[tenant]["session"]).code
                for tenant in (FIRST, SECOND)}
        # No worker has it, of which only the first hears.
        self.assertEqual({FIRST: Code.UNAVAILABLE, SECOND: Code.PERMISSION_DENIED}, code)

    def test_no_entry_of_a_manifest_gets_the_second_a_file(self):
        """The second's own unit, with the first's digests, paths and all in its manifest."""
        compile_it, probe = self.method(WORKER, "Compile"), self.method(WORKER, "ProbeCompileCache")
        own = {tenant: self.requests_of(tenant, compile_it)[0] for tenant in (FIRST, SECOND)}
        entries = {tenant: self.manifest_of(request) for tenant, request in own.items()}
        theirs = [entry for entry in entries[FIRST] if entry.said in self.blobs]
        mine = [number for number, entry in enumerate(entries[SECOND])
                if entry.path.endswith(b"/b.cc")]
        self.assertEqual((2, 1), (len(theirs), len(mine)))
        missing = 0
        with self.nothing_of_the_firsts_changes():
            for entry in theirs:
                for what, changed in {
                        "digest": sent_manifest.with_entry(entries[SECOND], mine[0],
                                                           said=entry.said),
                        "path": sent_manifest.with_entry(entries[SECOND], mine[0],
                                                         path=entry.path),
                        "link": sent_manifest.with_entry(entries[SECOND], mine[0],
                                                         kind=sent_manifest.LINK, said=entry.path),
                        "entry": [*entries[SECOND], entry]}.items():
                    request = self.with_manifest(own[SECOND], changed)
                    answer = self.ask_as_second(compile_it, [request], what)
                    missing += b"blobs are missing: 1" in answer.everything
                    question = schema.new_message(probe.input_type)
                    question.command.CopyFrom(request.command)
                    question.manifest_digest = request.digest
                    answer = self.ask_as_second(probe, [question], what)
                    self.assertTrue(self.reply(probe, answer).HasField("miss"), what)
        self.assertEqual(2 * len(theirs), missing)  # the digest and the entry

    def manifest_of(self, request):
        plain = sent_manifest.expanded(request.manifest)
        entries = sent_manifest.decode(plain)
        self.assertEqual(plain, sent_manifest.encode(entries))
        self.assertEqual(request.digest, sent_manifest.digest(plain))
        return entries

    @staticmethod
    def with_manifest(request, entries):
        copy, plain = schema.copied(request), sent_manifest.encode(entries)
        copy.manifest = sent_manifest.compressed(plain)
        copy.digest = sent_manifest.digest(plain)
        return copy

    # --- tokens

    def test_tokens_are_good_for_their_own_calls_only(self):
        """All tokens there are, of both tenants and of workers, shown with all calls."""
        with self.nothing_of_the_firsts_changes():
            for method in self.methods:
                right = self.bearer_of(method)
                for owner in (FIRST, SECOND):
                    for kind, token in self.bearers(owner).items():
                        if right in ("", kind):
                            continue
                        with self.subTest(method=method.name, owner=owner, kind=kind):
                            self.check_refused(method, token)

    def check_refused(self, method, bearer, channel=None):
        requests = self.requests_of(FIRST, method)
        channel = channel or self.channels[method.containing_service.full_name]
        answer = ask(channel, method, requests, bearer)
        self.assertEqual(Code.UNAUTHENTICATED, answer.code, answer.everything)
        self.assertEqual(([], []), (answer.messages, self.leaks(answer, requests)))

    def test_no_claim_of_the_firsts_gets_the_second_anything(self):
        """Under the second tenant's signature: each claim, all of them, and other headers."""
        for method in self.methods:
            kind = self.bearer_of(method)
            if kind not in ("session", "route"):
                continue
            first, second = (self.tokens[tenant][kind] for tenant in (FIRST, SECOND))
            claims = {name: value for name, value in claims_of(first).items()
                      if value != claims_of(second).get(name)}
            self.assertIn("tenant", claims)
            forged = [with_claims(second, **{name: value}) for name, value in claims.items()]
            forged += [with_claims(second, **claims), first.rpartition(".")[0] + ".",
                       ".".join([*first.split(".")[:2], second.split(".")[2]])]
            with self.nothing_of_the_firsts_changes():
                for token in forged:
                    self.check_refused(method, token)
                    if kind == "route":
                        # Two at once are none.
                        self.check_refused(method, [second, token])
                        self.check_refused(method, [token, second])

    def test_another_worker_takes_no_token_for_this_one(self):
        for method in self.services[WORKER].methods:
            for tenant in (FIRST, SECOND):
                self.check_refused(method, self.tokens[tenant]["route"], self.second_worker)
        # Nor this one a token for the other.
        route = self.method(SCHEDULER, "Route")
        request = schema.new_message(route.input_type)
        request.image, request.avoid_worker = "host", "dev-worker"
        answer = self.reply(route, self.ask(route, [request], self.tokens[SECOND]["session"]))
        self.assertEqual("second-worker", answer.worker)
        for method in self.services[WORKER].methods:
            self.check_refused(method, answer.token)

    def test_nothing_else_is_served(self):
        elsewhere = {SCHEDULER: [WORKER, *OUT_OF_REACH], WORKER: [SCHEDULER, *OUT_OF_REACH]}
        for service, others in elsewhere.items():
            calls = NOT_SERVED + [schema.path_of(method) for other in others
                                  for method in self.services[other].methods]
            for call in calls:
                for token in self.bearers(SECOND).values():
                    answer = ask(self.channels[service], call, [b""], token)
                    self.assertEqual(Code.UNIMPLEMENTED, answer.code, (service, call))

    # --- the end, as the second tenant has the first's sources from here on

    def test_zz_the_second_compiles_everything_again(self):
        upload, find, probe, compile_it = (self.method(WORKER, name) for name in (
            "UploadBlobs", "FindMissingBlobs", "ProbeCompileCache", "Compile"))
        whole = {method.name: self.requests_of(FIRST, method)
                 for method in (upload, find, probe, compile_it)}
        with self.nothing_of_the_firsts_changes():
            self.check_nothing_is_there()
            answer = self.ask_as_second(upload, whole["UploadBlobs"], "the first's")
            self.assertEqual(len(self.blobs), self.reply(upload, answer).blobs)
            answer = self.ask(find, whole["FindMissingBlobs"], self.tokens[SECOND]["route"])
            self.assertEqual([], list(self.reply(find, answer).digests))
            answer = self.ask_as_second(probe, whole["ProbeCompileCache"], "with its own sources")
            self.assertTrue(self.reply(probe, answer).HasField("miss"))

            answer = self.ask(compile_it, whole["Compile"], self.tokens[SECOND]["route"])
            finished = self.reply(compile_it, answer).finished
            self.assertFalse(finished.hit)
            self.assertIn(self.object, answer.everything)  # as it sent the same sources
            self.finished.append(("everything again", finished))
            self.check_finished()
            self.assertNotIn(finished.cache_key, self.keys)
            again = self.ask(probe, whole["ProbeCompileCache"], self.tokens[SECOND]["route"])
            again = self.reply(probe, again).finished
            self.assertEqual((True, finished.cache_key), (again.hit, again.cache_key))
        # And the first still has its own.
        answer = self.ask(probe, whole["ProbeCompileCache"], self.tokens[FIRST]["route"])
        finished = self.reply(probe, answer).finished
        self.assertEqual((True, self.keys[0]), (finished.hit, finished.cache_key))
        self.assertEqual(FIRST, [row for row in self.cluster.rows()
                                 if row["job_id"] == finished.job][0]["tenant"])
        self.assertEqual(0, self.cluster.audit("verify").status)


def claims_of(token):
    return json.loads(decoded(token.split(".")[1]))


if __name__ == "__main__":
    cluster_case.main()

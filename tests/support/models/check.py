"""Checks recorded traffic against botocore's service models.

    check.py RECORDING --report FILE [--sources FOLDER] [--requests-only]

Prints a table of the operations seen and every problem; the report says the same as JSON. With --sources it also says
which operations the Rust code in a folder can call."""
import argparse
import collections
import json
import re
import traceback

import operations
import asking
import answering
import wire

# Where AWS itself differs from its models, the local cloud does as AWS does.
AS_AWS_DOES = (
    # https://docs.aws.amazon.com/AmazonS3/latest/API/API_FilterRule.html says `prefix`; S3 answers `Prefix`.
    re.compile(r"GetBucketNotificationConfiguration answer: .*FilterRules\[\]\.Name: `(Prefix|Suffix)` is none of"),
    # Every answer of AWS to an update that was ever shown says so: "The function is being created.", `Creating`.
    re.compile(r"lambda \w+ answer: .*LastUpdateStatusReasonCode: `Creating` is none of"),
)


class Tally:
    def __init__(self):
        self.seen = collections.defaultdict(collections.Counter)
        self.failed = collections.defaultdict(collections.Counter)
        self.events = collections.Counter()
        self.problems = collections.OrderedDict()
        self.unsigned = collections.Counter()

    def note(self, operation, exchange):
        def noted(text):
            key = f"{operation}: {text}"
            if any(known.search(key) for known in AS_AWS_DOES):
                return
            self.problems.setdefault(key, str(exchange))
        return noted

    def exchange(self, exchange, requests_only):
        service = operations.service_of(exchange)
        if service is None:
            # The image registry, the local cloud's own control, and refusals of what was not signed.
            self.unsigned[exchange.path.split("/")[1]] += 1
            return
        if service not in operations.SERVICES:
            self.note(service, exchange)("no model is known for the service")
            return
        model = operations.model(service)
        found = operations.operation_of(service, exchange, exchange.body)
        if found is None:
            self.note(service, exchange)("the model has no such operation")
            return
        operation, uri = found
        self.seen[service][operation.name] += 1
        note = self.note(f"{service} {operation.name} request", exchange)
        try:
            asking.check(model, operation, uri, exchange, note)
        except Exception:
            note(f"cannot be read: {traceback.format_exc(limit=-3)}")
        if exchange.status >= 300:
            self.failed[service][f"{operation.name} {exchange.status}"] += 1
        if requests_only:
            return
        note = self.note(f"{service} {operation.name} answer", exchange)
        try:
            events = answering.check(model, operation, exchange, note)
            self.events[operation.name] += events or 0
        except Exception:
            note(f"cannot be read: {traceback.format_exc(limit=-3)}")

    def print(self):
        for service, counts in sorted(self.seen.items()):
            for name, count in sorted(counts.items()):
                failed = {key.split(" ")[1]: n for key, n in self.failed[service].items() if key.split(" ")[0] == name}
                events = f", {self.events[name]} events" if self.events[name] else ""
                print(f"{service:8} {name:40} {count:6}{events} {failed or ''}")
        print(f"not AWS's protocols: {dict(self.unsigned)}")
        for problem, example in self.problems.items():
            print(f"PROBLEM {problem}\n        {example}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("recording")
    parser.add_argument("--report", required=True)
    parser.add_argument("--sources")
    parser.add_argument("--requests-only", action="store_true")
    options = parser.parse_args()
    tally = Tally()
    for exchange in wire.exchanges(options.recording):
        tally.exchange(exchange, options.requests_only)
    tally.print()
    report = {
        "seen": tally.seen, "events": tally.events, "unsigned": tally.unsigned,
        "problems": [f"{problem} ({example})" for problem, example in tally.problems.items()],
        "used": operations.used(options.sources) if options.sources else {},
    }
    with open(options.report, "w", encoding="utf-8") as file:
        json.dump(report, file)


main()

"""The services of proto/ as protoc reads them, and fields of their messages, found rather than
listed: what is added to the wire is here without an edit."""

import subprocess
import tempfile
from pathlib import Path

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PROTO = Path(__file__).resolve().parent.parent.parent / "proto"


def all_services():
    """Descriptors by full name."""
    files = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    with tempfile.TemporaryDirectory(prefix="hpcc-schema.") as folder:
        out = Path(folder, "all.pb")
        subprocess.run(["protoc", "-I", PROTO, "--include_imports", "--descriptor_set_out", out,
                        *files], check=True, timeout=60)
        found = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in found.file:
        pool.Add(file)
    return {"%s.%s" % (file.package, service.name):
            pool.FindServiceByName("%s.%s" % (file.package, service.name))
            for file in found.file for service in file.service}


def path_of(method):
    """As it stands on the wire."""
    return "/%s/%s" % (method.containing_service.full_name, method.name)


def new_message(descriptor):
    # The old name stands in Debian 12's python3-protobuf, the new one in what comes after.
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(descriptor)()
    return message_factory.MessageFactory(descriptor.file.pool).GetPrototype(descriptor)()


def parsed(descriptor, data):
    message = new_message(descriptor)
    message.MergeFromString(data)
    return message


def copied(message):
    copy = new_message(message.DESCRIPTOR)
    copy.CopyFrom(message)
    return copy


def fields(descriptor, above=()):
    """Every field, and every field of those that are messages: as the fields that lead there."""
    for field in descriptor.fields:
        yield above + (field,)
        within = field.message_type
        if within and within not in [one.message_type for one in above]:
            yield from fields(within, above + (field,))


def is_repeated(field):
    return field.label == field.LABEL_REPEATED


def name_of(path):
    return path[0].containing_type.name + "." + ".".join(field.name for field in path)


def holder_of(message, path):
    """What the last field of the path is a field of; of a list, its first."""
    for field in path[:-1]:
        message = getattr(message, field.name)
        if is_repeated(field):
            message = message[0] if message else message.add()
    return message


def value_of(message, path):
    value = getattr(holder_of(copied(message), path), path[-1].name)
    return list(value) if is_repeated(path[-1]) else value


def with_value(message, path, value):
    copy = copied(message)
    holder, field = holder_of(copy, path), path[-1]
    holder.ClearField(field.name)
    if is_repeated(field):
        getattr(holder, field.name).extend(value)
    elif field.message_type:
        getattr(holder, field.name).CopyFrom(value)
    else:
        setattr(holder, field.name, value)
    return copy

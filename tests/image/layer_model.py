"""Random layers, and what they are together by a model as simple as can be: a dictionary.

The model takes what whiteouts name out of what the lower layers are, wherever in their layer they
stand, and then lays the members on it one by one.
"""

import layers

NAMES = "abc"


def parents(path):
    parts = path.split("/")
    return ["/".join(parts[:i]) for i in range(1, len(parts))]


def below(tree, path):
    return [name for name in tree if name.startswith(path + "/")]


def remove(tree, path):
    for name in below(tree, path) + [path]:
        tree.pop(name, None)


def reachable(tree, path):
    return all(tree.get(parent, ("directory",))[0] == "directory" for parent in parents(path))


def put(tree, path, what):
    for parent in parents(path):
        tree.setdefault(parent, ("directory",))
    if not (what[0] == "directory" and tree.get(path) == what):
        remove(tree, path)
    tree[path] = what


class Layer:
    """One layer upon `lower`: its bytes, and the tree that comes of it."""

    def __init__(self, random, lower, number):
        self.random = random
        self.whiteouts = [path for path in sorted(lower) if random.random() < 0.15]
        opaque = [path for path in sorted(lower)
                  if lower[path][0] == "directory" and random.random() < 0.1]
        self.tree = dict(lower)
        for path in self.whiteouts:
            remove(self.tree, path)
        for path in opaque:
            for name in below(self.tree, path):
                self.tree.pop(name, None)
        kept = dict(lower)  # as if the whiteouts came last
        members = []
        for i in range(random.randrange(1, 12)):
            member = self.member(b"%d.%d" % (number, i), kept)
            if member:
                members.append(member)
        takes = [self.whiteout(path) for path in self.whiteouts]
        takes += [(path + "/.wh..wh..opq", layers.entry(path.encode() + b"/.wh..wh..opq"))
                  for path in opaque]
        first = []
        for path, take in takes:
            if random.random() < 0.5 and reachable(kept, path):
                members.append(take)
            else:
                first.append(take)
        self.data = layers.layer(*first, *members)

    @staticmethod
    def whiteout(path):
        folder, _, name = path.rpartition("/")
        path = (folder + "/" if folder else "") + ".wh." + name
        return path, layers.entry(path.encode())

    def member(self, content, kept):
        """A member that is allowed, whether the whiteouts come first or last."""
        random = self.random
        path = "/".join(random.choice(NAMES) for _ in range(random.randrange(1, 5)))
        if not (reachable(self.tree, path) and reachable(kept, path)):
            return None
        name = path.encode()
        kind = random.choice(("file", "file", "directory", "link", "hard"))
        if kind == "hard":
            targets = [other for other in sorted(self.tree)
                       if self.tree[other][0] == "file" and kept.get(other) == self.tree[other]
                       and other != path and not path.startswith(other + "/")
                       and not other.startswith(path + "/")]
            if not targets:
                return None
            target = random.choice(targets)
            what, data = self.tree[target], layers.hard_link(name, target.encode())
        elif kind == "file":
            what, data = ("file", content), layers.entry(name, content)
        elif kind == "link":
            what, data = ("link", content), layers.symlink(name, content)
        else:
            what, data = ("directory",), layers.directory(name + b"/")
        put(self.tree, path, what)
        put(kept, path, what)
        return data


def make(random):
    """The bytes of some layers, lowest first, and the tree they are."""
    tree, data = {}, []
    for number in range(random.randrange(1, 6)):
        layer = Layer(random, tree, number)
        tree = layer.tree
        data.append(layer.data)
    return data, tree

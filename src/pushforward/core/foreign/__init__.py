"""Networks that are not ours: torch's own layers, and classes of the user's, as JSON.

    {"torch": "Linear", "arguments": {"in_features": 2, "out_features": 64}}
    {"class": "Critic", "module": "my_nets", "attributes": {"slope": 0.2}, "children": {...}}

A layer of torch is written by name, from a closed list, with its arguments. A plain `nn.Module` of
the user's does not remember its arguments, so it is written as what it has become: its class by
name, its numbers, lists and other plain attributes, its parts, and the form of its tensors, whose
values are among the weights of the file. It is built again without calling its `__init__`. That is
faithful also to a network that was changed after it was built. Its code stays in its own file: only
classes that have been imported are found, and nothing is imported for a file's sake.
"""

"""What passes an interface right now?

A small process (`process.py`) opens the interfaces, drops every right it has (`confine.py`), and copies
packets from the kernel's ring (`ring.py`, filtered by `bpf.py`) into a ring of pcap files on disk
(`spool.py`). The service reads those files as they grow (`follow.py`): what stops the one does not stop the
other, and an alert's packets are still there when somebody asks for them.
"""

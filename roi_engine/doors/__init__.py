"""Live doors: where a system's own API is asked for what its inbox folder would hold.

A door brings documents, unchanged, in a format that the source's parser reads from the inbox
too; landing keeps and parses them in one way, so that both doors give the same bronze rows. What
a door has brought is remembered as a mark beside the manifest, written in one transaction with
it: after a failure it asks again from there, and what came twice counts once.
"""

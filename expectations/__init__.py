"""What must hold of what comes in, and of what goes out: every rule with its severity and reason.

One module per source, named like the source, gives ``checks()``; ``marts`` gives ``suite(mart)``.
A rule is a Great Expectations expectation with four things: ``severity`` (critical: the row is
quarantined and counts against its day; warning: recorded), ``notes`` (the reason, a sentence),
``meta["rule"]`` (its name, unique within its relation) and, for a warning whose rows are to be
named one by one, ``meta["quarantine"] = True``.
"""

import os

# read by Great Expectations when it is imported, which the modules of this package do
os.environ["GX_ANALYTICS_ENABLED"] = "false"

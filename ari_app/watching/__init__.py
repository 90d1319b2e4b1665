"""How the processes are watched: what is counted, whether each is ready, and who may ask for that, on loopback.

The core decides and counts nothing: everything here looks at what the shell has done already. Nothing of it may hold a
call up or bring a process down; a port that is taken, and a fault in the counting, are said in the log, and work goes
on. No label and no text here ever holds a number, a name, a channel or a recording's id (`catalogue`).

catalogue   every metric: its name, kind, labels and meaning; docs/watching.md is compared with it
meters      what counts: a registry of prometheus-client's, or nothing at all where no port is configured
endpoint    keeps the small server of /metrics and /readyz (`server`) going
calls       counts calls by what is written into their journals, and says of each ended one a line in the log
gate, guard, ship   what each process counts and what it calls ready
"""

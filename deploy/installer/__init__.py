"""The installer: lays consentgate down beside an Asterisk that is there, and takes it away again.

`deploy/install` runs it. It uses the standard library alone (and `ari_app.commands.asterisk_files`, which does so too),
because it runs before there is an environment. All that it does is a list of steps (`steps`), each of which knows
whether it is already done, so that a second run, a dry run, a run after one that was interrupted and the way back are
the same list.

    places      where everything goes, below `--root`
    accounts    users and groups
    release     the program: an environment of its own for each version, switched by one link
    site        what this Asterisk is like: FreePBX or plain, its doors, its modules; what keeps us from installing
    snippets    our own files for it, and the one line by which each of its files takes ours in
    units       the systemd units from deploy/systemd
    console     Asterisk told to read its files again
    services    what systemd starts, and in which order an upgrade begins it anew
    settings    the configuration to begin with, and the secrets
    database    roles and schema
    plan        all of it, in its order
    removal     the way back
    package     the same as a Debian package (deploy/build-deb)
"""

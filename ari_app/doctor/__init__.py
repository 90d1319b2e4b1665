"""What `consentgate doctor` knows: how a dialplan runs, by which doors a PBX records, what each finding means.

Nothing in here asks a running Asterisk or changes anything: texts in, findings out.
"""

"""What is wrong, noticed by looking: small watchers of one process, and of the whole installation.

A watcher is one function that looks at something and tells `alarms.desk` what it saw. Failures that
happen in a call or a request are told where they happen.
"""

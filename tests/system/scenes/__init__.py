"""What people do on a hospital's telephones, one function each; the tests play them, alone or many at a time.

A scene with a moment that is delicate for the gate calls `scene.act()` before it: there a test may make the events
late.
"""

#!/bin/sh
echo 'RECORD FILE /tmp/x wav "#" 5000'

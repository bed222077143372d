#!/bin/sh
# What httpd runs for `/`. Redis answers INCR with the new number after a colon.
count=$(printf 'INCR visits\r\nQUIT\r\n' | nc store 6379 | sed -n 's/^:\([0-9]*\).*/\1/p')
printf 'Content-Type: text/plain\r\n\r\nVisitor number %s\n' "${count:-unknown: no answer}"

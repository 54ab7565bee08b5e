#!/bin/sh
# Prints the directory to import SQLAlchemy from, installed if it is missing.
set -eu
here=$(dirname "$0")
exec "$here/wheels.sh" "$here/sqlalchemy.txt"

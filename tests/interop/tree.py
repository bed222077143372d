"""Prints everything about the files of a directory, one line each, sorted: tree.py DIRECTORY"""

import hashlib
import os
import stat
import sys

root = os.fsencode(sys.argv[1])
first_name = {}

for directory, directories, files in sorted(os.walk(root)):
    for name in sorted(directories + files):
        path = os.path.join(directory, name)
        about = os.lstat(path)
        shown = os.path.relpath(path, root)
        kind = stat.S_IFMT(about.st_mode)
        words = [oct(about.st_mode), f"{about.st_uid}:{about.st_gid}"]
        if kind == stat.S_IFLNK:
            words.append(os.fsdecode(os.readlink(path)))
        elif kind == stat.S_IFREG:
            with open(path, "rb") as file:
                words += [str(about.st_size), hashlib.file_digest(file, "sha256").hexdigest()]
        elif kind in (stat.S_IFCHR, stat.S_IFBLK):
            words.append(str(about.st_rdev))
        # Times of directories depend on what was unpacked into them last.
        if kind != stat.S_IFDIR:
            words.append(str(int(about.st_mtime)))
        if about.st_nlink > 1 and kind != stat.S_IFDIR:
            words.append("link " + os.fsdecode(first_name.setdefault(about.st_ino, shown)))
        for attribute in sorted(os.listxattr(path, follow_symlinks=False)):
            value = os.getxattr(path, attribute, follow_symlinks=False)
            # What umoci notes for itself.
            if not attribute.startswith("user.rootlesscontainers"):
                words.append(f"{attribute}={value.hex()}")
        print(os.fsdecode(shown), *words)

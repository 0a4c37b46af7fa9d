# SPDX-License-Identifier: MIT
"""`sciame keygen`: what it makes, what it keeps, and what it says when it can't."""
import contextlib
import os
import resource
import stat
import subprocess
import unittest

from support import SCIAME, Case, sciame, tree


def keygen(*arguments, **more):
    return sciame("keygen", *arguments, **more)


class Keygen(Case):
    def setUp(self):
        super().setUp()
        self.keys = self.path("keys")

    def names(self):
        return sorted(os.listdir(self.keys))

    def listed(self):
        """{name: key} of those who are let in."""
        found = {}
        with open(os.path.join(self.keys, "allowed")) as file:
            for line in file:
                if line.strip() and not line.startswith("#"):
                    key, name = line.split()
                    found[name] = key
        return found

    def public(self, name):
        with open(os.path.join(self.keys, name)) as file:
            return [line.split()[1] for line in file if line.startswith("public ")][0]

    def expect_error(self, result, status, *words):
        self.assertEqual(result[0], status, result)
        self.assertEqual(result[2].count("\n"), 1, result[2])  # one line, no more
        for word in words:
            self.assertIn(word, result[2])

    def test_one_worker_unless_others_are_named(self):
        status, out, err = keygen(self.keys)
        self.assertEqual((status, err), (0, ""))
        self.assertEqual(out, "made {0}/master.key\nmade {0}/worker.key\n"
                         "allowed worker\n".format(self.keys))
        self.assertEqual(self.names(), ["allowed", "master.key", "master.pub", "worker.key"])
        self.assertEqual(self.listed(), {"worker": self.public("worker.key")})
        self.assertEqual(self.public("master.pub"), self.public("master.key"))
        for name, mode in {".": 0o700, "master.key": 0o600, "worker.key": 0o600,
                           "master.pub": 0o644, "allowed": 0o644}.items():
            found = stat.S_IMODE(os.stat(os.path.join(self.keys, name)).st_mode)
            self.assertEqual(found, mode, name)
        for name in ("master.pub", "allowed"):  # no secret is in what others get
            with open(os.path.join(self.keys, name)) as file:
                self.assertNotIn("secret", file.read())

    def test_more_workers_come_later_and_nothing_else_changes(self):
        self.assertEqual(keygen(self.keys, "alice", "bob")[0], 0)
        before = tree(self.keys)
        result = keygen(self.keys, "alice", "carol")
        self.assertEqual(result, (0, "kept {0}/master.key\nkept {0}/alice.key\n"
                                  "made {0}/carol.key\nallowed carol\n".format(self.keys), ""))
        after = tree(self.keys)
        for name in (b"master.key", b"master.pub", b"alice.key", b"bob.key"):
            self.assertEqual(before[name], after[name])
        self.assertEqual(set(self.listed()), {"alice", "bob", "carol"})
        self.assertEqual(keygen(self.keys, "alice", "bob", "carol")[0], 0)
        self.assertEqual(tree(self.keys), after)

    def test_each_key_is_another_one(self):
        for _ in range(2):
            self.assertEqual(keygen(self.keys, *"abcdefgh")[0], 0)
        keys = list(self.listed().values()) + [self.public("master.pub")]
        self.assertEqual(len(set(keys)), 9)

    def test_who_was_struck_out_is_allowed_again_in_words(self):
        self.assertEqual(keygen(self.keys, "alice", "bob")[0], 0)
        path = os.path.join(self.keys, "allowed")
        with open(path) as file:
            lines = [line for line in file if not line.endswith(" alice\n")]
        with open(path, "w") as file:
            file.writelines(lines)
        self.assertEqual(keygen(self.keys, "bob")[0], 0)
        self.assertEqual(set(self.listed()), {"bob"})  # naming others does not bring her back
        self.assertIn("\nallowed alice\n", keygen(self.keys, "alice")[1])
        self.assertEqual(self.listed()["alice"], self.public("alice.key"))

    def test_half_made_folders_are_completed(self):
        self.assertEqual(keygen(self.keys)[0], 0)
        before = tree(self.keys)
        for name in ("master.pub", "allowed"):
            os.unlink(os.path.join(self.keys, name))
        self.assertEqual(keygen(self.keys)[0], 0)
        self.assertEqual(tree(self.keys), before)

    def test_the_folder_of_a_worker_is_no_masters(self):
        self.assertEqual(keygen(self.keys)[0], 0)
        os.unlink(os.path.join(self.keys, "master.key"))
        before = tree(self.keys)
        self.expect_error(keygen(self.keys, "other"), 2, "master.pub, but no master.key")
        self.assertEqual(tree(self.keys), before)

    def test_wrong_calls_make_nothing(self):
        for arguments in ((), ("",), (self.keys, "good", "bad/name"), (self.keys, "master"),
                          (self.keys, ""), (self.keys, "good", "-x"), ("--what", self.keys)):
            self.expect_error(keygen(*arguments), 2, "sciame: ")
        self.assertFalse(os.path.exists(self.keys))

    def test_a_list_that_makes_no_sense_is_named_with_its_line(self):
        self.assertEqual(keygen(self.keys)[0], 0)
        with open(os.path.join(self.keys, "allowed"), "a") as file:
            file.write("nonsense\n")
        self.expect_error(keygen(self.keys, "other"), 2, self.keys + "/allowed, line 3")
        self.assertNotIn("other.key", self.names())

    def test_a_folder_that_can_not_be_written(self):
        os.mkdir(self.keys)
        os.chmod(self.keys, 0o555)
        if os.geteuid() != 0:
            self.expect_error(keygen(self.keys), 3, "master.key", "Permission denied")
        else:  # root is stopped by nothing but a file system that takes nothing
            self.expect_error(keygen("/proc/keys-of-sciame"), 3, "/proc/keys-of-sciame")
        self.assertEqual(os.listdir(self.keys), [])

    def test_a_folder_that_is_a_file(self):
        with open(self.keys, "w") as file:
            file.write("something else")
        self.expect_error(keygen(self.keys), 3, "Not a directory")

    def test_a_disk_without_room(self):
        """Files can't grow beyond what the master's key takes: the same as a full disk to it."""
        def no_room():
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        result = subprocess.run([SCIAME, "keygen", self.keys], capture_output=True, text=True,
                                preexec_fn=no_room, check=False)
        self.expect_error((result.returncode, result.stdout, result.stderr), 3,
                          "write %s/master.key" % self.keys, "File too large")
        self.assertEqual(self.names(), [])  # nothing that is half
        self.assertEqual(keygen(self.keys)[0], 0)

    def test_many_at_once_lose_nothing(self):
        names = ["w%d" % i for i in range(20)]
        runs = {name: subprocess.Popen([SCIAME, "keygen", self.keys, name],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
                for name in names}
        made = set()
        for name, run in runs.items():
            said = run.communicate()[1].decode()
            if run.returncode == 0:
                made.add(name)
            else:
                self.assertIn("another keygen works in it", said)
        self.assertTrue(made)
        self.assertTrue(made <= set(self.listed()))
        self.assertEqual(keygen(self.keys, *names)[0], 0)
        self.assertEqual(self.listed(), {name: self.public(name + ".key") for name in names})
        self.assertEqual([name for name in self.names() if name.endswith(".tmp")], [])

    def test_killed_at_any_moment_it_goes_on(self):
        for moment in range(40):
            run = subprocess.Popen([SCIAME, "keygen", self.keys, "a", "b"],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.wait(timeout=moment / 4000)
            run.kill()
            run.wait()
            self.assertEqual(keygen(self.keys, "a", "b")[0], 0, moment)
            self.assertEqual(self.names(),
                             ["a.key", "allowed", "b.key", "master.key", "master.pub"])
            for name in self.names():
                os.unlink(os.path.join(self.keys, name))

    def test_help(self):
        status, out, err = keygen("--help")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("usage: sciame keygen FOLDER [NAME...]", out)
        self.assertIn("keygen", sciame("--help")[1])

    def test_output_that_can_not_be_written_is_told(self):
        with open("/dev/full", "w") as full:
            result = subprocess.run([SCIAME, "keygen", self.keys], stdout=full,
                                    stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(result.returncode, 3)
        self.assertIn("standard output could not be written", result.stderr)


if __name__ == "__main__":
    unittest.main()

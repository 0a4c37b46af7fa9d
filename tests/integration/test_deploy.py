# SPDX-License-Identifier: MIT
"""What is in deploy/ for systemd, Kubernetes and compose, as far as it can be checked offline."""
import json
import os
import re
import shutil
import subprocess
import unittest

from support import BIN, ROOT, Case, main_or_skip

UNITS = os.path.join(ROOT, "deploy", "systemd")
MANIFEST = os.path.join(ROOT, "deploy", "kubernetes", "sciame.yaml")


def lost(given, kept, place=""):
    """Places of what is in `given` and not in `kept`, whatever `kept` has besides."""
    if isinstance(given, dict):
        if not isinstance(kept, dict):
            return [place]
        return [each for key, value in given.items()
                for each in lost(value, kept.get(key), "%s.%s" % (place, key))]
    if isinstance(given, list):
        if not isinstance(kept, list) or len(kept) < len(given):
            return [place]
        return [each for i, value in enumerate(given)
                for each in lost(value, kept[i], "%s[%d]" % (place, i))]
    return [] if given == kept else [place]


class Systemd(Case):
    def setUp(self):
        super().setUp()
        if not shutil.which("systemd-analyze"):
            self.skipTest("no systemd-analyze")

    def test_units_are_understood_and_confine_what_they_start(self):
        for name in sorted(os.listdir(UNITS)):
            with open(os.path.join(UNITS, name), encoding="utf-8") as file:
                text = file.read().replace("/usr/bin/sciame", os.path.join(BIN, "sciame"))
            with open(self.path(name), "w", encoding="utf-8") as file:
                file.write(text)
        for name in sorted(os.listdir(UNITS)):
            done = subprocess.run(["systemd-analyze", "verify", self.path(name)],
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""), name)
            if not name.endswith(".service"):
                continue
            # out of 100: below 25 systemd itself calls it OK
            done = subprocess.run(
                ["systemd-analyze", "security", "--offline=yes", "--threshold=25",
                 self.path(name)],
                capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 0, done.stdout[-500:])


class Kubernetes(Case):
    def setUp(self):
        super().setUp()
        if not shutil.which("kubectl"):
            self.skipTest("no kubectl")

    def read(self, *arguments):
        done = subprocess.run(["kubectl", *arguments], capture_output=True, text=True, timeout=60,
                              check=False, env=dict(os.environ, KUBECONFIG=os.devnull))
        self.assertEqual(done.returncode, 0, done.stderr)
        decoder, found, text = json.JSONDecoder(), [], done.stdout.strip()
        while text:
            one, end = decoder.raw_decode(text)
            found.append(one)
            text = text[end:].strip()
        return {one["kind"] + "/" + one["metadata"]["name"]: one for one in found}

    def test_every_object_is_what_its_kind_allows(self):
        given = self.read("annotate", "--local", "-f", MANIFEST, "a=b", "-o", "json")
        self.assertEqual(sorted(given), [
            "Deployment/sciame-worker", "Job/sciame-master", "NetworkPolicy/sciame-master",
            "NetworkPolicy/sciame-worker", "PersistentVolumeClaim/sciame-source",
            "PersistentVolumeClaim/sciame-target", "Service/sciame-master"])
        # this one reads into the types of the schema: what they do not know is lost
        with open(MANIFEST, encoding="utf-8") as file:
            pods = [text for text in file.read().split("\n---\n")
                    if "\nkind: Job\n" in text or "\nkind: Deployment\n" in text]
        with open(self.path("pods.yaml"), "w", encoding="utf-8") as file:
            file.write("\n---\n".join(pods))
        typed = self.read("set", "env", "--local", "--dry-run=client", "-f",
                          self.path("pods.yaml"), "A=b", "-o", "json")
        for name in ("Deployment/sciame-worker", "Job/sciame-master"):
            pod = given[name]["spec"]["template"]["spec"]["containers"][0]
            pod["env"] = typed[name]["spec"]["template"]["spec"]["containers"][0]["env"]
            del given[name]["metadata"]["annotations"]
            self.assertEqual(lost(given[name], typed[name]), [], name)

    def test_selectors_find_what_they_name(self):
        given = self.read("annotate", "--local", "-f", MANIFEST, "a=b", "-o", "json")
        pods = {name: one["spec"]["template"]["metadata"]["labels"]
                for name, one in given.items() if "template" in one["spec"]}
        for name, selector in (
                ("Job/sciame-master", given["Service/sciame-master"]["spec"]["selector"]),
                ("Job/sciame-master",
                 given["NetworkPolicy/sciame-master"]["spec"]["podSelector"]["matchLabels"]),
                ("Deployment/sciame-worker",
                 given["Deployment/sciame-worker"]["spec"]["selector"]["matchLabels"]),
                ("Deployment/sciame-worker",
                 given["NetworkPolicy/sciame-worker"]["spec"]["podSelector"]["matchLabels"])):
            self.assertEqual(pods[name], selector, name)


class Compose(Case):
    def test_all_sources_get_into_the_image(self):
        with open(os.path.join(ROOT, ".dockerignore"), encoding="ascii") as file:
            let_in = {line[1:].strip() for line in file if line.startswith("!")}
        with open(os.path.join(ROOT, "CMakeLists.txt"), encoding="ascii") as file:
            named = set(re.findall(r"(?<![\w/}.-])([a-z]+)/[\w/]+\.(?:c|cmake|proto)\b", file.read()))
        self.assertIn("worker", named)
        self.assertEqual(named - let_in, set())


if __name__ == "__main__":
    main_or_skip()

#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Installs what is missing, builds sciame, and scales pictures: run.sh [FOLDER [TARGET]]
#   FOLDER  pictures to scale (default: build/sample-photos, made here)
#   TARGET  where the results go (default: build/sample-thumbs, or FOLDER-thumbs)
# May be run again: what is there already is used again.
set -euo pipefail

SAMPLES=40
SIZE=256

if (($# > 2)) || [[ ${1-} == -* ]]; then
	echo "usage: run.sh [FOLDER [TARGET]]" >&2
	exit 2
fi
top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
if (($# > 0)) && [[ ! -d $1 ]]; then
	echo "run.sh: $1 is no folder" >&2
	exit 2
fi

# Draws picture number $2 into folder $1: noise, a zone plate, a gradient or waves, in turn.
# In a folder of its own, because vips takes brackets and spaces in a path for its own syntax.
draw() {
	local folder=$1 number=$2 width height name
	width=$((640 + number * 37 % 1280))
	height=$((480 + number * 53 % 960))
	name=$(printf 'sample-%02d' "$number")
	mkdir -p "$folder/.work"
	cd "$folder/.work"
	case $((number % 4)) in
	0) vips gaussnoise grey.v "$width" "$height" --mean 128 --sigma 40 --seed "$number" ;;
	1) vips zone waves.v "$width" "$height" && vips linear waves.v grey.v 127 128 ;;
	2) vips grey waves.v "$width" "$height" && vips linear waves.v grey.v 255 0 ;;
	3)
		vips sines waves.v "$width" "$height" --hfreq "$number" --vfreq 3
		vips linear waves.v grey.v 127 128
		;;
	esac
	vips cast grey.v red.v uchar
	vips flip red.v green.v horizontal
	vips invert red.v blue.v
	vips bandjoin "red.v green.v blue.v" rgb.v
	vips copy rgb.v picture.v --interpretation srgb
	case $((number % 5)) in
	0) vips pngsave picture.v done.png && mv done.png "$folder/$name.png" ;;
	1) vips webpsave picture.v done.webp && mv done.webp "$folder/$name.webp" ;;
	*) vips jpegsave picture.v done.jpg --Q 90 && mv done.jpg "$folder/$name.jpg" ;;
	esac
	cd "$top"
	rm -r "$folder/.work"
}

# Makes the sample pictures in folder $1; a marker says that all are there.
draw_all() {
	local folder=$1 number
	if [[ -e $folder.complete ]]; then
		echo "run: $SAMPLES sample pictures are in $folder already"
		return
	fi
	"$top/deploy/packages.sh" sample
	echo "run: drawing $SAMPLES sample pictures into $folder"
	mkdir -p "$folder"
	for ((number = 0; number < SAMPLES; number++)); do
		draw "$folder" "$number"
	done
	touch "$folder.complete"
}

"$top/deploy/packages.sh" build
echo "run: building in $top/build"
# Without the tests, which need packages that are not installed here.
(cd "$top" && cmake --preset release -DBUILD_TESTING=OFF >/dev/null &&
	cmake --build --preset release)

if (($# > 0)); then
	source_folder=$(cd -- "$1" && pwd)
	target=${2-$source_folder-thumbs}
else
	source_folder=$top/build/sample-photos
	target=$top/build/sample-thumbs
	draw_all "$source_folder"
fi
echo "run: scaling $source_folder to fit $SIZE x $SIZE"
status=0
"$top/build/bin/sciame" scale --size "$SIZE" -- "$source_folder" "$target" || status=$?
echo "run: the results are in $target"
exit "$status"

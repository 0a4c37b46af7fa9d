# SPDX-License-Identifier: MIT
"""Small pictures made byte by byte, so that the tests know each pixel without asking a library.

A picture is a function of (x, y) that gives a tuple of samples.
"""
import struct
import zlib

RED, GREEN, BLUE, YELLOW = (200, 40, 40), (30, 160, 60), (40, 60, 190), (230, 220, 50)
PNG_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # bands: colour type, where there is no palette
TIFF_SHORT, TIFF_LONG = 3, 4


def quadrants(width, height, colours=(RED, GREEN, BLUE, YELLOW)):
    """Top left, top right, bottom left, bottom right."""
    def pixel(x, y):
        return colours[(2 if 2 * y >= height else 0) + (1 if 2 * x >= width else 0)]
    return pixel


def flat(*samples):
    return lambda x, y: samples


def checkerboard(dark, light):
    return lambda x, y: light if (x + y) % 2 else dark


def halves(width, left, right):
    return lambda x, y: left if 2 * x < width else right


def mirrored(pixel, width):
    return lambda x, y: pixel(width - 1 - x, y)


def stored_for(orientation, pixel, width, height):
    """What a camera stores, that a viewer who heeds EXIF's `orientation` sees as `pixel`.

    Returns the function of the stored picture and its width and height.
    """
    right, low = width - 1, height - 1
    stored = {
        1: lambda x, y: pixel(x, y), 2: lambda x, y: pixel(right - x, y),
        3: lambda x, y: pixel(right - x, low - y), 4: lambda x, y: pixel(x, low - y),
        5: lambda x, y: pixel(y, x), 6: lambda x, y: pixel(right - y, x),
        7: lambda x, y: pixel(right - y, low - x), 8: lambda x, y: pixel(y, low - x),
    }[orientation]
    return (stored, height, width) if orientation > 4 else (stored, width, height)


def samples(pixel, width, height, depth=8):
    """Rows from the top, as bytes; 16 bits most significant byte first."""
    code = "B" if depth == 8 else "H"
    for y in range(height):
        row = [sample for x in range(width) for sample in pixel(x, y)]
        yield struct.pack(">%d%s" % (len(row), code), *row)


def packed(pixel, width, height, depth):
    """Rows of one sample of 1, 2 or 4 bits each."""
    for y in range(height):
        bits = "".join(format(pixel(x, y)[0], "0%db" % depth) for x in range(width))
        bits += "0" * (-len(bits) % 8)
        yield int(bits, 2).to_bytes(len(bits) // 8, "big")


def png_chunk(name, data):
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png_of(pixel, width, height, depth=8, palette=None, chunks=b""):
    """With a palette (a list of RGB) the samples are indices. `chunks`: in front of the pixels."""
    rows = packed if depth < 8 else samples
    kind = 3 if palette else PNG_TYPES[len(pixel(0, 0))]
    lines = b"".join(b"\0" + row for row in rows(pixel, width, height, depth))
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    colours = png_chunk(b"PLTE", bytes(c for rgb in palette for c in rgb)) if palette else b""
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + colours + chunks +
            png_chunk(b"IDAT", zlib.compress(lines)) + png_chunk(b"IEND", b""))


def png_profile(profile):
    return png_chunk(b"iCCP", b"profile\0\0" + zlib.compress(profile))


def exif_block(orientation):
    """TIFF with one entry, the orientation."""
    return b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + bytes([orientation]) + b"\0" * 7


def jpeg_with(jpeg, marker, data):
    """The JPEG with one more segment at its beginning."""
    return jpeg[:2] + b"\xff" + bytes([marker]) + struct.pack(">H", len(data) + 2) + data + jpeg[2:]


def jpeg_segments(jpeg):
    """[(marker, offset, size with the marker)] up to the first scan."""
    found, at = [], 2
    while jpeg[at + 1] != 0xDA:
        size = struct.unpack_from(">H", jpeg, at + 2)[0] + 2
        found.append((jpeg[at + 1], at, size))
        at += size
    return found


def jpeg_without(jpeg, marker):
    for found, at, size in reversed(jpeg_segments(jpeg)):
        if found == marker:
            jpeg = jpeg[:at] + jpeg[at + size:]
    return jpeg


def jpeg_profile(jpeg, profile):
    """In one segment: profiles of less than 65 kB."""
    return jpeg_with(jpeg_without(jpeg, 0xE2), 0xE2, b"ICC_PROFILE\0\x01\x01" + profile)


def grey_profile(gamma):
    """An ICC profile of version 2 for grey whose curve is a power (ICC.1:2001-04)."""
    def text(name, data):
        return name + b"\0" * 4 + data

    tags = {
        b"desc": text(b"desc", struct.pack(">I", 5) + b"grey\0" + b"\0" * 78),
        b"cprt": text(b"text", b"none\0"),
        b"wtpt": text(b"XYZ ", struct.pack(">iii", 63190, 65536, 54061)),
        b"kTRC": text(b"curv", struct.pack(">IH", 1, int(gamma * 256))),
    }
    table, data = b"", b""
    for name, body in tags.items():
        table += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(data), len(body))
        data += body + b"\0" * (-len(body) % 4)
    body = struct.pack(">I", len(tags)) + table + data
    header = struct.pack(">I4sI4s4s4s12s4s4sI4s4sQIiii4s44s", 128 + len(body), b"\0\0\0\0",
                         0x02100000, b"mntr", b"GRAY", b"XYZ ", b"\x07\xd0\0\x01\0\x01\0\0\0\0\0\0",
                         b"acsp", b"\0\0\0\0", 0, b"\0\0\0\0", b"\0\0\0\0", 0, 0,
                         63190, 65536, 54061, b"\0\0\0\0", b"\0" * 44)
    return header + body


def gif_codes(indices, bits):
    """LZW that never learns: the table is cleared before the codes become longer."""
    clear, size, stream, count = 1 << bits, bits + 1, 0, 0
    codes = []
    for i, index in enumerate(indices):
        if i % (clear - 2) == 0:
            codes.append(clear)
        codes.append(index)
    for code in codes + [clear + 1]:
        stream |= code << count
        count += size
    return stream.to_bytes((count + 7) // 8, "little")


def gif_blocks(data):
    pieces = [data[i:i + 255] for i in range(0, len(data), 255)]
    return b"".join(bytes([len(piece)]) + piece for piece in pieces) + b"\0"


def gif_frame(left, top, width, height, pixel, delay=10, disposal=1, clear=None):
    """One frame of indices; the delay in hundredths of a second, `clear` the index of nothing."""
    control = struct.pack("<BBBBHBB", 0x21, 0xF9, 4, disposal << 2 | (clear is not None), delay,
                          clear or 0, 0)
    indices = [pixel(x, y)[0] for y in range(height) for x in range(width)]
    return (control + struct.pack("<BHHHHB", 0x2C, left, top, width, height, 0) + b"\x03" +
            gif_blocks(gif_codes(indices, 3)))


def gif_of(width, height, palette, frames, loop=None):
    """A palette of at most 8 colours; the loop as NETSCAPE2.0 has it, 0 for ever, None: once."""
    colours = bytes(c for rgb in palette for c in rgb).ljust(24, b"\0")
    again = b"" if loop is None else (b"\x21\xff\x0bNETSCAPE2.0\x03\x01" +
                                      struct.pack("<H", loop) + b"\0")
    return (b"GIF89a" + struct.pack("<HHBBB", width, height, 0x92, 0, 0) + colours + again +
            b"".join(frames) + b";")


def tiff_of(pages, width, height, photometric=2, depth=8, more=()):
    """Pages of raw rows (bytes), uncompressed; `more`: entries (tag, type, value) of each page."""
    bands = {2: 3, 5: 4}.get(photometric, 1)
    out, link = bytearray(b"II*\0\0\0\0\0"), 4
    for rows in pages:
        data = len(out)
        out += rows + b"\0" * (len(rows) % 2)
        depths = len(out)
        out += struct.pack("<4H", *[depth] * 4)
        entries = [(256, TIFF_SHORT, width), (257, TIFF_SHORT, height), (259, TIFF_SHORT, 1),
                   (262, TIFF_SHORT, photometric), (273, TIFF_LONG, data),
                   (277, TIFF_SHORT, bands), (278, TIFF_SHORT, height),
                   (279, TIFF_LONG, len(rows)), (284, TIFF_SHORT, 1), *more]
        struct.pack_into("<I", out, link, len(out))
        table = [struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries]
        table.append(struct.pack("<HHII", 258, TIFF_SHORT, bands, depths if bands > 2 else depth))
        table.sort(key=lambda entry: struct.unpack_from("<H", entry)[0])
        out += struct.pack("<H", len(table)) + b"".join(table)
        link = len(out)
        out += b"\0\0\0\0"
    return bytes(out)


def bmp_of(pixel, width, height):
    """24 bits, from the bottom, blue first."""
    rows = [row for row in samples(lambda x, y: pixel(x, y)[::-1], width, height)]
    data = b"".join(row + b"\0" * (-len(row) % 4) for row in reversed(rows))
    return (struct.pack("<2sIHHI", b"BM", 54 + len(data), 0, 0, 54) +
            struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(data), 0, 0, 0, 0) + data)


def tga_of(pixel, width, height):
    """24 bits, from the top, blue first."""
    header = struct.pack("<BBBHHBHHHHBB", 0, 0, 2, 0, 0, 0, 0, 0, width, height, 24, 0x20)
    return header + b"".join(samples(lambda x, y: pixel(x, y)[::-1], width, height))


def psd_of(pixel, width, height):
    """Only the merged picture, raw, plane by plane."""
    planes = b"".join(b"".join(samples(lambda x, y, band=band: (pixel(x, y)[band],), width, height))
                      for band in range(3))
    return (struct.pack(">4sH6sHIIHH", b"8BPS", 1, b"", 3, height, width, 8, 3) +
            struct.pack(">IIIH", 0, 0, 0, 0) + planes)


def xpm_of(pixel, width, height):
    rows = [[pixel(x, y) for x in range(width)] for y in range(height)]
    colours = sorted({colour for row in rows for colour in row})
    letters = {colour: chr(ord("a") + i) for i, colour in enumerate(colours)}
    lines = ["%d %d %d 1" % (width, height, len(colours))]
    lines += ["%s c #%02X%02X%02X" % (letters[colour], *colour) for colour in colours]
    lines += ["".join(letters[colour] for colour in row) for row in rows]
    quoted = ",\n".join('"%s"' % line for line in lines)
    return ("/* XPM */\nstatic char *picture[] = {\n%s\n};\n" % quoted).encode()


def xbm_of(pixel, width, height):
    """A sample that is not 0 is ink: black. The width is a multiple of 8."""
    data = []
    for y in range(height):
        for left in range(0, width, 8):
            data.append(sum((pixel(left + i, y)[0] != 0) << i for i in range(8)))
    return ("#define p_width %d\n#define p_height %d\nstatic char p_bits[] = {\n%s};\n" %
            (width, height, ", ".join("0x%02x" % byte for byte in data))).encode()


def pdf_of(pages):
    """Pages of 100 x 50 points, each filled with a colour given as "r g b" from 0 to 1."""
    objects = [b"<</Type/Catalog/Pages 2 0 R>>",
               b"<</Type/Pages/Count %d/Kids[%s]>>" % (
                   len(pages), b" ".join(b"%d 0 R" % (3 + 2 * i) for i in range(len(pages))))]
    for i, colour in enumerate(pages):
        drawing = colour.encode() + b" rg 0 0 100 50 re f"
        objects.append(b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 100 50]/Contents %d 0 R>>" %
                       (4 + 2 * i))
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(drawing), drawing))
    out, offsets = b"%PDF-1.4\n", []
    for i, body in enumerate(objects):
        offsets.append(len(out))
        out += b"%d 0 obj%s\nendobj\n" % (i + 1, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(objects) + 1
    return (out + b"xref\n0 %d\n0000000000 65535 f \n" % count + table +
            b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (count, len(out)))

"""The compiled core: rays through every sample of an object's window, nearest surface kept for each sample.

All compiled functions that call one another are in this file, because Numba notices an edited file but not an edited
callee elsewhere when it decides whether its cache on disk is fresh; and they take plain tuples, because a cache that
names a class breaks when the class is renamed. ``no_type_check`` keeps run-time checkers of annotations out of what is
compiled. No transcendental functions: the same bits on every machine of an architecture.
"""

from typing import no_type_check

import numpy as np
from numba import njit

AMBIENT, DIFFUSE = 0.32, 0.68  # Lambert: brightness 0.32 + 0.68 max(0, n·l)
DARKNESS = 0.55  # share of the ground's light that the core of a shadow takes
NEAR = 0.05  # metres, as camera.NEAR
TINY = 1e-12
QUADRIC = 3  # the face that is no side of the box

_compiled = njit(cache=True, nogil=True, error_model="numpy")


BODY = np.dtype(  # one object in one frame, in the terms of a ray's arithmetic
    [
        ("frame", np.int64),
        ("slot", np.int64),
        ("window", np.int64, 4),  # x0, x1, y0, y1
        ("shadow_window", np.int64, 4),
        ("origin", np.float64, 3),  # the eye in the object's unit box
        ("axes", np.float64, (3, 3)),  # camera axes to the object's unit box
        ("light", np.float64, 3),  # towards the light, along the object's axes
        ("inverse_size", np.float64, 3),
        ("quadric", np.float64, 4),
        ("rgb", np.float64, 3),
        ("shadow", np.float64, (2, 3)),  # ground (x, y, 1) to the plane across the light; the umbra is a unit disc
        ("penumbra", np.float64, 2),  # squared radii in that plane where the shadow is full and where it ends
    ]
)


@_compiled
@no_type_check
def _box(origin, direction):
    """Where a line enters and leaves the box [-1, 1]³, and the axis of the face it enters by."""
    near, far, face = -np.inf, np.inf, 0
    for axis in range(3):
        inverse = 1.0 / direction[axis] if direction[axis] != 0.0 else 1.0 / TINY
        first, last = (-1.0 - origin[axis]) * inverse, (1.0 - origin[axis]) * inverse
        if first > last:
            first, last = last, first
        if first > near:
            near, face = first, axis
        far = min(far, last)
    return near, far, face


@_compiled
@no_type_check
def _roots(square, half, constant):
    """Ordered roots of ``square t² + 2 half t + constant`` and whether they exist, without cancellation."""
    discriminant = half * half - square * constant
    if discriminant < 0.0:
        return 0.0, 0.0, False
    root = np.sqrt(discriminant)
    total = -(half + root) if half >= 0.0 else root - half
    one = total / square
    other = constant / total if total != 0.0 else one
    return min(one, other), max(one, other), True


@_compiled
@no_type_check
def intersect(origin, direction, quadric):
    """Distance, in lengths of ``direction``, to where a ray enters a solid, and the face; infinite if it misses."""
    a, b, c, d = quadric
    x, y, z = origin
    u, v, w = direction
    square = a * (u * u + v * v) + b * w * w
    half = a * (x * u + y * v) + b * z * w + 0.5 * c * w
    square = square if abs(square) > TINY else TINY
    low, high, crosses = _roots(square, half, a * (x * x + y * y) + b * z * z + c * z + d)
    if square > 0.0 and not crosses:
        return np.inf, QUADRIC
    near, far, face = _box(origin, direction)
    if square > 0.0:  # inside between the roots
        if low > near:
            near, face = low, QUADRIC
        far = min(far, high)
    elif crosses and low < near < high:  # a cone, inside outside of the roots, entered beyond its mirrored half
        near, face = high, QUADRIC
    return (near, face) if NEAR < near <= far else (np.inf, face)


@_compiled
@no_type_check
def brightness(point, direction, face, body):
    """Lambert's share of the albedo at a point of the surface."""
    nx, ny, nz = 0.0, 0.0, 0.0
    if face == QUADRIC:
        a, b, c = body.quadric[0], body.quadric[1], body.quadric[2]
        nx, ny, nz = 2.0 * a * point[0], 2.0 * a * point[1], 2.0 * b * point[2] + c
    elif face == 0:
        nx = -direction[0]
    elif face == 1:
        ny = -direction[1]
    else:
        nz = -direction[2]
    nx, ny, nz = nx * body.inverse_size[0], ny * body.inverse_size[1], nz * body.inverse_size[2]
    towards = nx * body.light[0] + ny * body.light[1] + nz * body.light[2]
    length = np.sqrt(nx * nx + ny * ny + nz * nz)
    return AMBIENT + DIFFUSE * max(0.0, towards / length) if length > 0.0 else AMBIENT


@_compiled
@no_type_check
def _axes(matrix):
    """A small matrix as scalars, which stay in registers; arrays would be read anew after every write to a picture."""
    return (
        (matrix[0, 0], matrix[0, 1], matrix[0, 2]),
        (matrix[1, 0], matrix[1, 1], matrix[1, 2]),
        (matrix[2, 0], matrix[2, 1], matrix[2, 2]),
    )


@_compiled
@no_type_check
def _draw(body, lens, colour, depth, instance):
    """One object in one frame, over what is there; returns the pixels it would have alone."""
    x0, x1, y0, y1 = body.window
    offsets, focal, principal = lens
    step, seen = 1.0 / focal, 0
    m, n, o = _axes(body.axes)
    origin = (body.origin[0], body.origin[1], body.origin[2])
    quadric = (body.quadric[0], body.quadric[1], body.quadric[2], body.quadric[3])
    for y in range(y0, y1):
        for x in range(x0, x1):
            for s in range(offsets.shape[0]):
                u, v = (x + offsets[s, 0] - principal) * step, (y + offsets[s, 1] - principal) * step
                ray = (m[0] * u + m[1] * v + m[2], n[0] * u + n[1] * v + n[2], o[0] * u + o[1] * v + o[2])
                reach, face = intersect(origin, ray, quadric)
                if reach == np.inf:
                    continue
                seen += s == 0
                if reach >= depth[y, x, s]:
                    continue
                depth[y, x, s] = reach
                if s == 0:
                    instance[y, x] = body.slot + 1
                    continue
                point = (origin[0] + reach * ray[0], origin[1] + reach * ray[1], origin[2] + reach * ray[2])
                light = brightness(point, ray, face, body)
                for channel in range(3):
                    colour[y, x, s, channel] = light * body.rgb[channel]
    return seen


@_compiled
@no_type_check
def _shade(body, floor, depth, colour):
    """Darken the ground where one object stands between it and the light."""
    x0, x1, y0, y1 = body.shadow_window
    plane = body.shadow
    full, end = body.penumbra
    for y in range(y0, y1):
        for x in range(x0, x1):
            for s in range(1, depth.shape[2]):
                if depth[y, x, s] == np.inf:
                    continue
                fx, fy = floor[y, x, s, 0], floor[y, x, s, 1]
                u = plane[0, 0] * fx + plane[0, 1] * fy + plane[0, 2]
                v = plane[1, 0] * fx + plane[1, 1] * fy + plane[1, 2]
                share = (end - (u * u + v * v)) / (end - full)
                if share > 0.0:
                    share = min(share, 1.0)
                    keep = 1.0 - DARKNESS * share * share * (3.0 - 2.0 * share)
                    for channel in range(3):
                        colour[y, x, s, channel] *= keep


@_compiled
@no_type_check
def _begin(from_colour, from_depth, colour, depth):
    """Copy a backdrop; loops, because whole-array assignments take Numba seconds to compile."""
    height, width, samples = depth.shape
    for y in range(height):
        for x in range(width):
            for s in range(samples):
                depth[y, x, s] = from_depth[y, x, s]
                for channel in range(3):
                    colour[y, x, s, channel] = from_colour[y, x, s, channel]


@_compiled
@no_type_check
def _develop(colour, depth, frame, distance):
    """The mean of a pixel's samples, as a byte, and the depth at its centre."""
    height, width, samples = depth.shape
    for y in range(height):
        for x in range(width):
            distance[y, x] = depth[y, x, 0]
            for channel in range(3):
                total = 0.0
                for s in range(1, samples):
                    total += colour[y, x, s, channel]
                level = total * 255.0 / (samples - 1) + 0.5
                frame[y, x, channel] = np.uint8(min(max(level, 0.0), 255.0))


@_compiled
@no_type_check
def _count(instance, visible):
    """Pixels of each slot."""
    height, width = instance.shape
    for y in range(height):
        for x in range(width):
            if instance[y, x] > 0:
                visible[instance[y, x] - 1] += 1


@_compiled
@no_type_check
def trace(bodies, backdrop, pose_of_frame, lens, pictures):
    """Draw all frames: for each, the backdrop, every shadow on it, then every object against the depth so far.

    Args:
        bodies: records of ``BODY`` in the order of their frames.
        backdrop: what is behind all objects: colour [pose h w s 3], depth [pose h w s], infinite at the sky, and where
            the rays meet the ground [pose h w s 2], float32; sample 0 is the pixel's centre and gives no colour.
        pose_of_frame: [t].
        lens: (samples' offsets [s 2], focal length, principal point), pixels.
        pictures: out: video [t h w 3], instance [t h w], uint8; depth [t h w], float32; visible and amodal pixels
            [t k], int32; all zero.
    """
    video, instance, distance, visible, amodal = pictures
    behind, beyond, floor = backdrop
    colour, depth = np.empty(behind.shape[1:], np.float32), np.empty(beyond.shape[1:], np.float32)
    end = 0
    for t in range(len(pose_of_frame)):
        pose = pose_of_frame[t]
        _begin(behind[pose], beyond[pose], colour, depth)
        start = end
        while end < len(bodies) and bodies[end].frame == t:
            _shade(bodies[end], floor[pose], depth, colour)
            end += 1
        for p in range(start, end):
            amodal[t, bodies[p].slot] = _draw(bodies[p], lens, colour, depth, instance[t])
        _develop(colour, depth, video[t], distance[t])
        _count(instance[t], visible[t])

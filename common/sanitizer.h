/* SPDX-License-Identifier: MIT */
/*
 * SANITIZED: whether this is a build with the address or thread sanitizer, which reserve terabytes
 * of address space for their own books and look at their process from outside as it ends.
 */
#ifndef SCIAME_COMMON_SANITIZER_H
#define SCIAME_COMMON_SANITIZER_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#endif

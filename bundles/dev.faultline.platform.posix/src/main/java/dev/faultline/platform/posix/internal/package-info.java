// SPDX-License-Identifier: Apache-2.0
/** Host memory through the C library of Linux and FreeBSD. macOS has a bundle of its own. */
@NullMarked
package dev.faultline.platform.posix.internal;

import org.jspecify.annotations.NullMarked;

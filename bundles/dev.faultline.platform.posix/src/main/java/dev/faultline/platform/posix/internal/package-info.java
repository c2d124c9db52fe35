// SPDX-License-Identifier: Apache-2.0
/** Host memory through the C library of Linux and FreeBSD. macOS has a bundle of its own. */
package dev.faultline.platform.posix.internal;

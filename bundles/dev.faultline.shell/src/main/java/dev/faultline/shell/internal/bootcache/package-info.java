// SPDX-License-Identifier: Apache-2.0
/**
 * The boot cache: guests as they were when they first waited for input, by a key of all that made
 * them so. What is read there is not trusted: every file is checked before anything is used.
 */
@NullMarked
package dev.faultline.shell.internal.bootcache;

import org.jspecify.annotations.NullMarked;

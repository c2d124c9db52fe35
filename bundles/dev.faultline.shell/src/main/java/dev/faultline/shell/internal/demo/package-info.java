// SPDX-License-Identifier: Apache-2.0
/** The demonstration: boot, snapshot, restore in every way, swap, compare. */
@NullMarked
package dev.faultline.shell.internal.demo;

import org.jspecify.annotations.NullMarked;

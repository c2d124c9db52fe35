// SPDX-License-Identifier: Apache-2.0
/** What instructions do: an object for each form, made by the table's families. */
@NullMarked
package dev.faultline.cpu.x86.semantics;

import org.jspecify.annotations.NullMarked;

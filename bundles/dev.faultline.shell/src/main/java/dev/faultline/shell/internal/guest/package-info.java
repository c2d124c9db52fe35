// SPDX-License-Identifier: Apache-2.0
/** Guests that the demo boots, and where they come from. */
@NullMarked
package dev.faultline.shell.internal.guest;

import org.jspecify.annotations.NullMarked;

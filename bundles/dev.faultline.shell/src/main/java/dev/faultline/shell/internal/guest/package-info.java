// SPDX-License-Identifier: Apache-2.0
/** Guests that the demo boots, and where they come from. */
package dev.faultline.shell.internal.guest;

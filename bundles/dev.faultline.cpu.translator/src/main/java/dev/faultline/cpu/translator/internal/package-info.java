// SPDX-License-Identifier: Apache-2.0
/**
 * Translates guest code to host code, x86-64 to x86-64, without a native library: {@link
 * dev.faultline.cpu.translator.internal.TranslatingEngine} decides what and when, {@link
 * dev.faultline.cpu.translator.internal.Forms} and those behind it how.
 */
@NullMarked
package dev.faultline.cpu.translator.internal;

import org.jspecify.annotations.NullMarked;
